EAPI=8

inherit toolchain-funcs

DESCRIPTION="Comprehensive, modular and portable cryptographic toolkit"
HOMEPAGE="https://www.libtom.net/LibTomCrypt/"
# Debian's source, which lacks a part of the documentation.
SRC_URI="mirror://gentoo/${P}-dfsg.tar.xz"

LICENSE="|| ( WTFPL-2 public-domain )"
SLOT="0/1"
KEYWORDS="amd64"
IUSE="+gmp +libtommath tomsfastmath"
REQUIRED_USE="|| ( gmp libtommath tomsfastmath )"

# Only the second is in this repository.
RDEPEND="
	gmp? ( dev-libs/gmp:= )
	libtommath? ( dev-libs/libtommath:= )
	tomsfastmath? ( dev-libs/tomsfastmath:= )
"
DEPEND="${RDEPEND}"

libtomcrypt_libraries() {
	echo $(usev gmp -lgmp) $(usev libtommath -ltommath) $(usev tomsfastmath -ltfm)
}

# Upstream's own makefile for a shared library wants a libtool that the stage3 has not.
libtomcrypt_make() {
	local flags="$(usev gmp -DGMP_DESC) $(usev libtommath '-DLTM_DESC -DUSE_LTM') $(usev tomsfastmath -DTFM_DESC)"
	emake -f makefile.unix CC="$(tc-getCC)" AR="$(tc-getAR)" RANLIB="$(tc-getRANLIB)" CFLAGS="${CFLAGS} -fPIC ${flags}" \
		PREFIX=/usr LIBPATH="/usr/$(get_libdir)" INCPATH=/usr/include "$@"
}

src_compile() {
	libtomcrypt_make libtomcrypt.a
	"$(tc-getCC)" ${CFLAGS} ${LDFLAGS} -shared -Wl,-soname,libtomcrypt.so.1 -o "libtomcrypt.so.${PV}" \
		-Wl,--whole-archive libtomcrypt.a -Wl,--no-whole-archive $(libtomcrypt_libraries) || die
}

src_install() {
	libtomcrypt_make DESTDIR="${D}" install
	dolib.so "libtomcrypt.so.${PV}"
	dosym "libtomcrypt.so.${PV}" "/usr/$(get_libdir)/libtomcrypt.so.1"
	dosym libtomcrypt.so.1 "/usr/$(get_libdir)/libtomcrypt.so"
	rm "${ED}/usr/$(get_libdir)"/*.a || die
}
