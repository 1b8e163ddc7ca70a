EAPI=8

DESCRIPTION="A program that is linked to the library two"
S="${WORKDIR}"
SLOT="0"
KEYWORDS="amd64"
IUSE="+loud soft"

RDEPEND="dev-libs/two:="
DEPEND="${RDEPEND}"

src_compile() {
	printf '#include <stdio.h>\n#include <two.h>\nint main(void) { puts(two()); return 0; }\n' >app.c
	"${CHOST}-gcc" ${CFLAGS} ${LDFLAGS} -o app app.c -ltwo || die
}

src_install() {
	dobin app
}
