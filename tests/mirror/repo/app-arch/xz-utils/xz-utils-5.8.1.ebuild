EAPI=8

inherit debian-deb

DESCRIPTION="Utils for managing LZMA compressed files: the library, repackaged from Debian's .debs"
HOMEPAGE="https://tukaani.org/xz/"
SRC_URI="mirror://gentoo/liblzma-${PV}.deb mirror://gentoo/liblzma-dev-${PV}.deb"

LICENSE="0BSD LGPL-2.1+ GPL-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="doc nls static-libs"
