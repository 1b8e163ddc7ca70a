EAPI=8

inherit debian-deb

DESCRIPTION="Library for floating point numbers of any precision, repackaged from Debian's .deb"
HOMEPAGE="https://www.mpfr.org/"
SRC_URI="mirror://gentoo/libmpfr-${PV}.deb"

LICENSE="LGPL-3+"
SLOT="0/6"
KEYWORDS="amd64"

RDEPEND="dev-libs/gmp:="
