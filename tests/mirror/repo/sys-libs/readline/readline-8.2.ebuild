EAPI=8

inherit debian-deb

DESCRIPTION="Library for line editing and history, repackaged from Debian's .debs"
HOMEPAGE="https://www.gnu.org/software/readline/"
SRC_URI="mirror://gentoo/libreadline-${PV}.deb mirror://gentoo/libreadline-dev-${PV}.deb"

LICENSE="GPL-2"
SLOT="0/8"
KEYWORDS="amd64"

RDEPEND="sys-libs/ncurses:="
