EAPI=8

inherit tmpfiles toolchain-funcs

DESCRIPTION="Persistent key-value store, which began as a fork of Redis"
HOMEPAGE="https://valkey.io"
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="BSD Boost-1.0 CC0-1.0 MIT"
SLOT="0/$(ver_cut 1-2)"
KEYWORDS="amd64"
IUSE="jemalloc ssl"

DEPEND="
	jemalloc? ( >=dev-libs/jemalloc-5.1:= )
	ssl? ( dev-libs/openssl:= )
"
RDEPEND="
	${DEPEND}
	acct-group/valkey
	acct-user/valkey
"
BDEPEND="
	acct-group/valkey
	acct-user/valkey
	virtual/pkgconfig
"

# Lua and the client's library are upstream's own copies: it has changed them.
src_compile() {
	local args=(
		AR="$(tc-getAR)"
		CC="$(tc-getCC)"
		RANLIB="$(tc-getRANLIB)"
		V=1
		OPTIMIZATION=
		DEBUG=
		DEBUG_FLAGS=
		MALLOC="$(usex jemalloc jemalloc libc)"
		BUILD_TLS="$(usex ssl)"
		USE_SYSTEMD=no
	)
	emake "${args[@]}"
}

src_install() {
	dobin src/valkey-cli
	dosbin src/valkey-{benchmark,check-aof,check-rdb,server}
	dosym valkey-server /usr/sbin/valkey-sentinel
	insinto /etc/valkey
	doins valkey.conf sentinel.conf
	fowners -R valkey:valkey /etc/valkey
	fperms 0750 /etc/valkey
	newinitd "${FILESDIR}/valkey.initd" valkey
	newtmpfiles "${FILESDIR}/valkey.tmpfiles" valkey.conf
	diropts -m 0750 -o valkey -g valkey
	keepdir /var/{lib,log}/valkey
}

pkg_postinst() {
	tmpfiles_process valkey.conf
}
