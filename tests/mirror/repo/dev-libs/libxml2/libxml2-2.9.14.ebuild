EAPI=8

DESCRIPTION="XML C parser and toolkit"
HOMEPAGE="https://gitlab.gnome.org/GNOME/libxml2"
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="MIT"
SLOT="2"
KEYWORDS="amd64"
IUSE="doc icu python readline static-libs"

RDEPEND="
	virtual/zlib:=
	icu? ( dev-libs/icu:= )
	readline? ( sys-libs/readline:= )
"
DEPEND="${RDEPEND}"
BDEPEND="virtual/pkgconfig"

src_configure() {
	local args=(
		--with-zlib
		--without-lzma
		$(use_with python)
		$(use_with icu)
		$(use_with readline)
		$(use_with readline history)
		$(use_enable static-libs static)
	)
	econf "${args[@]}"
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
