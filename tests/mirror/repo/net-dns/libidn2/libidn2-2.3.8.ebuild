EAPI=8

inherit debian-deb

DESCRIPTION="Names of hosts in other scripts, repackaged from Debian's .deb"
HOMEPAGE="https://www.gnu.org/software/libidn/"
SRC_URI="mirror://gentoo/libidn2-${PV}.deb"

LICENSE="LGPL-2.1+"
SLOT="0/2"
KEYWORDS="amd64"

RDEPEND="dev-libs/libunistring:="
