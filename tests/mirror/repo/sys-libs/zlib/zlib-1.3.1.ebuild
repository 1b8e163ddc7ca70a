EAPI=8

DESCRIPTION="Standard (de)compression library"
HOMEPAGE="https://zlib.net/"
# Debian's source, which lacks contrib/: not the bytes of upstream's zlib-1.3.1.tar.gz.
SRC_URI="mirror://gentoo/${P}-dfsg.tar.gz"

LICENSE="ZLIB"
SLOT="0/1"
KEYWORDS="amd64"
IUSE="static-libs"

# Not autoconf: an own script, which reads CHOST and CFLAGS.
src_configure() {
	CC="${CHOST}-gcc" AR="${CHOST}-ar" ./configure --shared --prefix=/usr --libdir="/usr/$(get_libdir)" || die
}

src_install() {
	emake install DESTDIR="${D}" LDCONFIG=:
	use static-libs || rm "${ED}/usr/$(get_libdir)/libz.a" || die
}
