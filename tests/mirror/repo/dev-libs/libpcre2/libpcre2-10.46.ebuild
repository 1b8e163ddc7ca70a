EAPI=8

MY_P="pcre2-${PV}"
DESCRIPTION="Perl-compatible regular expression library"
HOMEPAGE="https://www.pcre.org/"
SRC_URI="mirror://gentoo/${MY_P}.tar.gz"
S="${WORKDIR}/${MY_P}"

LICENSE="BSD"
SLOT="0/3"
KEYWORDS="amd64"
IUSE="bzip2 +jit +pcre16 +pcre32 +readline static-libs unicode zlib"

# Only the tools have these, not the library.
RDEPEND="
	bzip2? ( app-arch/bzip2 )
	readline? ( sys-libs/readline:= )
	zlib? ( virtual/zlib:= )
"
DEPEND="${RDEPEND}"
BDEPEND="virtual/pkgconfig"

src_configure() {
	econf \
		--enable-pcre2-8 \
		--enable-shared \
		$(use_enable jit) \
		$(use_enable jit pcre2grep-jit) \
		$(use_enable pcre16 pcre2-16) \
		$(use_enable pcre32 pcre2-32) \
		$(use_enable static-libs static) \
		$(use_enable bzip2 pcre2grep-libbz2) \
		$(use_enable readline pcre2test-libreadline) \
		$(use_enable zlib pcre2grep-libz) \
		$(use_enable unicode)
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
