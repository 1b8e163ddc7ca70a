EAPI=8

inherit debian-deb

DESCRIPTION="Console display library, repackaged from Debian's .debs"
HOMEPAGE="https://www.gnu.org/software/ncurses/"
SRC_URI="mirror://gentoo/libtinfo-${PV}.deb mirror://gentoo/libncurses-${PV}.deb mirror://gentoo/libncurses-dev-${PV}.deb"

LICENSE="MIT"
SLOT="0/6"
KEYWORDS="amd64"
