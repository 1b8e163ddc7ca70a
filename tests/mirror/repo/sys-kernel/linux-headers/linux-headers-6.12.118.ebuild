EAPI=8

inherit debian-deb

DESCRIPTION="Linux system headers, repackaged from Debian's .deb"
HOMEPAGE="https://www.kernel.org/"
SRC_URI="mirror://gentoo/linux-headers-${PV}.deb"

LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"
