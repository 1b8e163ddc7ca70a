EAPI=8

inherit debian-deb

DESCRIPTION="skarnet.org's process supervision suite, repackaged from Debian's .debs"
HOMEPAGE="https://skarnet.org/software/s6/"
SRC_URI="mirror://gentoo/s6-${PV}.deb mirror://gentoo/libs6-${PV}.deb"

LICENSE="ISC"
SLOT="0/$(ver_cut 1-2)"
KEYWORDS="amd64"

RDEPEND="
	>=dev-lang/execline-2.9.6:=
	>=dev-libs/skalibs-2.14.3:=
"
