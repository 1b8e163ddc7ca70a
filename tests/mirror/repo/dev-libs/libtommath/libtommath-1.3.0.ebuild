EAPI=8

inherit toolchain-funcs

DESCRIPTION="Optimized and portable routines for integer theoretic applications"
HOMEPAGE="https://www.libtom.net/LibTomMath/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="Unlicense"
SLOT="0/1"
KEYWORDS="amd64"
IUSE="doc static-libs"
REQUIRED_USE="!doc"

# Upstream's own makefile for a shared library wants a libtool that the stage3 has not.
libtommath_make() {
	emake -f makefile.unix CC="$(tc-getCC)" AR="$(tc-getAR)" RANLIB="$(tc-getRANLIB)" CFLAGS="${CFLAGS} -fPIC" \
		PREFIX=/usr LIBPATH="/usr/$(get_libdir)" INCPATH=/usr/include "$@"
}

src_compile() {
	libtommath_make
	"$(tc-getCC)" ${CFLAGS} ${LDFLAGS} -shared -Wl,-soname,libtommath.so.1 -o "libtommath.so.${PV}" \
		-Wl,--whole-archive libtommath.a -Wl,--no-whole-archive || die
}

src_install() {
	libtommath_make DESTDIR="${D}" install
	dolib.so "libtommath.so.${PV}"
	dosym "libtommath.so.${PV}" "/usr/$(get_libdir)/libtommath.so.1"
	dosym libtommath.so.1 "/usr/$(get_libdir)/libtommath.so"
	use static-libs || rm "${ED}/usr/$(get_libdir)"/*.a || die
}
