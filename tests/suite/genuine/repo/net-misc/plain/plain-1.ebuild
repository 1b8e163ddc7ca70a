EAPI=8

DESCRIPTION="A program and a library that need nothing, not even the C library"
S="${WORKDIR}"
SLOT="0"
KEYWORDS="amd64"

src_compile() {
	printf '#include <stdio.h>\nint main(void) { puts("plain"); return 0; }\n' >plain.c
	"${CHOST}-gcc" ${CFLAGS} -static -o plain plain.c || die
	echo 'int plain(void) { return 7; }' >library.c
	"${CHOST}-gcc" ${CFLAGS} -nostdlib -shared -fPIC -Wl,-soname,libplain.so.1 -o libplain.so.1 library.c || die
}

src_install() {
	dobin plain
	dolib.so libplain.so.1
}
