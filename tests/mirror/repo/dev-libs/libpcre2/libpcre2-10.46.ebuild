EAPI=8

MY_P="pcre2-${PV}"
DESCRIPTION="Perl-compatible regular expression library"
HOMEPAGE="https://www.pcre.org/"
SRC_URI="mirror://gentoo/${MY_P}.tar.gz"
S="${WORKDIR}/${MY_P}"

LICENSE="BSD"
SLOT="0/3"
KEYWORDS="amd64"
IUSE="+jit pcre16 pcre32 static-libs +unicode"

src_configure() {
	econf \
		--enable-pcre2-8 \
		--enable-shared \
		$(use_enable jit) \
		$(use_enable jit pcre2grep-jit) \
		$(use_enable pcre16 pcre2-16) \
		$(use_enable pcre32 pcre2-32) \
		$(use_enable static-libs static) \
		$(use_enable unicode)
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
