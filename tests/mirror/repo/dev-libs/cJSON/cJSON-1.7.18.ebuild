EAPI=8

inherit toolchain-funcs

DESCRIPTION="Ultralightweight JSON parser in ANSI C"
HOMEPAGE="https://github.com/DaveGamble/cJSON"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

cjson_make() {
	emake CC="$(tc-getCC) -std=c89" PREFIX=/usr LIBRARY_PATH="$(get_libdir)" "$@"
}

src_prepare() {
	default
	sed -i -e 's/ -Werror / /' -e 's/^SHARED_CMD = .*/SHARED_CMD = $(CC) $(LDFLAGS) -shared -o/' Makefile || die
}

src_compile() { cjson_make shared; }

src_install() {
	cjson_make DESTDIR="${D}" install-cjson install-utils
	find "${ED}" -name '*.a' -delete || die
}
