EAPI=8

DESCRIPTION="A library whose name is another one in each version"
S="${WORKDIR}"
SLOT="0/${PV}"
KEYWORDS="amd64"

src_compile() {
	echo "const char *two(void) { return \"two ${PV}\"; }" >two.c
	"${CHOST}-gcc" ${CFLAGS} ${LDFLAGS} -shared -fPIC -Wl,-soname,"libtwo.so.${PV}" -o "libtwo.so.${PV}" two.c || die
}

src_install() {
	into /usr
	dolib.so "libtwo.so.${PV}"
	dosym "libtwo.so.${PV}" "/usr/$(get_libdir)/libtwo.so"
	insinto /usr/include
	newins - two.h <<<"const char *two(void);"
}
