EAPI=8

inherit debian-deb

DESCRIPTION="Library for sets of integers, repackaged from Debian's .deb"
HOMEPAGE="https://libisl.sourceforge.io/"
SRC_URI="mirror://gentoo/libisl-${PV}.deb"

LICENSE="MIT"
SLOT="0/23"
KEYWORDS="amd64"

RDEPEND="dev-libs/gmp:="
