EAPI=8

inherit debian-deb

DESCRIPTION="Console display library, repackaged from Debian's .debs"
HOMEPAGE="https://www.gnu.org/software/ncurses/"
SRC_URI="
	mirror://gentoo/libtinfo-${PV}.deb
	mirror://gentoo/libncurses-${PV}.deb
	mirror://gentoo/libncursesw-${PV}.deb
	mirror://gentoo/libncurses-dev-${PV}.deb
	mirror://gentoo/ncurses-base-${PV}.deb
"

LICENSE="MIT"
SLOT="0/6"
KEYWORDS="amd64"
IUSE="ada +cxx debug gpm minimal profile +stack-realign static-libs tinfo trace"
