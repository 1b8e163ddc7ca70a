EAPI=8

DESCRIPTION="C library providing BLAKE2b, BLAKE2s, BLAKE2bp, BLAKE2sp"
HOMEPAGE="https://github.com/BLAKE2/libb2"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="CC0-1.0"
SLOT="0"
KEYWORDS="amd64"
IUSE="native-cflags openmp static-libs"

src_prepare() {
	default
	autoreconf -fi || die
}

src_configure() {
	econf $(use_enable native-cflags native) $(use_enable openmp) $(use_enable static-libs static)
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
