EAPI=8

inherit toolchain-funcs

DESCRIPTION="TCP and HTTP reverse proxy for high availability"
HOMEPAGE="https://www.haproxy.org"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="GPL-2 LGPL-2.1"
SLOT="0/$(ver_cut 1-2)"
KEYWORDS="amd64"
IUSE="+crypt +net_ns +pcre pcre-jit prometheus-exporter +slz ssl +threads zlib"
REQUIRED_USE="
	pcre-jit? ( pcre )
	?? ( slz zlib )
"

DEPEND="
	crypt? ( virtual/libcrypt:= )
	pcre? (
		dev-libs/libpcre2:=
		pcre-jit? ( dev-libs/libpcre2:=[jit] )
	)
	ssl? ( dev-libs/openssl:= )
	zlib? ( virtual/zlib )
"
RDEPEND="
	${DEPEND}
	acct-group/haproxy
	acct-user/haproxy
"
BDEPEND="virtual/pkgconfig"

# haproxy_option FLAG OPTION: one of upstream's makefile.
haproxy_option() { echo "USE_${2}=$(usex "${1}" 1 '')"; }

src_compile() {
	emake V=1 TARGET=linux-glibc CC="$(tc-getCC)" CFLAGS="${CFLAGS}" LDFLAGS="${LDFLAGS}" \
		$(haproxy_option crypt LIBCRYPT) \
		$(haproxy_option net_ns NS) \
		$(haproxy_option pcre PCRE2) \
		$(haproxy_option pcre-jit PCRE2_JIT) \
		$(haproxy_option prometheus-exporter PROMEX) \
		$(haproxy_option slz SLZ) \
		$(haproxy_option ssl OPENSSL) \
		$(haproxy_option threads THREAD) \
		$(haproxy_option zlib ZLIB)
}

src_install() {
	dosbin haproxy
	newinitd "${FILESDIR}/haproxy.initd" haproxy
	insinto /etc/haproxy/errors
	doins examples/errorfiles/*.http
	insinto /usr/share/vim/vimfiles/syntax
	doins admin/syntax-highlight/haproxy.vim
}
