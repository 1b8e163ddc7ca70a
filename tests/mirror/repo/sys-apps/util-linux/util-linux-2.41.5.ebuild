EAPI=8

inherit debian-deb

DESCRIPTION="Various useful Linux utilities: the library for UUIDs, repackaged from Debian's .debs"
HOMEPAGE="https://www.kernel.org/pub/linux/utils/util-linux/"
SRC_URI="mirror://gentoo/libuuid-${PV}.deb mirror://gentoo/uuid-dev-${PV}.deb"

LICENSE="BSD"
SLOT="0"
KEYWORDS="amd64"
