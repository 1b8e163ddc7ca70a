EAPI=8

inherit debian-deb

DESCRIPTION="A high-quality data compressor: its library, repackaged from Debian's .debs"
HOMEPAGE="https://sourceware.org/bzip2/"
SRC_URI="mirror://gentoo/libbz2-${PV}.deb mirror://gentoo/libbz2-dev-${PV}.deb"

LICENSE="BSD"
SLOT="0/1"
KEYWORDS="amd64"
