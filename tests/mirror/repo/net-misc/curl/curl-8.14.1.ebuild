EAPI=8

DESCRIPTION="A Client that groks URLs"
HOMEPAGE="https://curl.se/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="BSD curl ISC"
SLOT="0"
KEYWORDS="amd64"
IUSE="+adns +alt-svc brotli debug +ftp gnutls gopher +hsts +http2 +http3 +httpsrr idn +imap kerberos ldap mbedtls
	+openssl +pop3 +psl +quic rustls sasl-scram +smtp ssh ssl static-libs telnet +tftp +websockets zstd
	curl_ssl_gnutls curl_ssl_mbedtls +curl_ssl_openssl curl_ssl_rustls"

REQUIRED_USE="
	httpsrr? ( adns )
	quic? ( ^^ ( openssl gnutls ) !mbedtls !rustls http3 ssl )
	ssl? ( ^^ ( curl_ssl_gnutls curl_ssl_mbedtls curl_ssl_openssl curl_ssl_rustls ) )
	curl_ssl_gnutls? ( gnutls )
	curl_ssl_mbedtls? ( mbedtls )
	curl_ssl_openssl? ( openssl )
	curl_ssl_rustls? ( rustls )
	http3? ( alt-svc httpsrr quic )
"

# Not all of these are in this repository: who wants such a flag does without it here.
RDEPEND="
	virtual/zlib:=
	adns? ( net-dns/c-ares:= )
	brotli? ( app-arch/brotli:= )
	http2? ( net-libs/nghttp2:= )
	http3? ( net-libs/nghttp3 )
	idn? ( net-dns/libidn2:= )
	kerberos? ( virtual/krb5 )
	ldap? ( net-nds/openldap:= )
	psl? ( net-libs/libpsl )
	quic? ( net-libs/ngtcp2[ssl] )
	ssh? ( net-libs/libssh2 )
	sasl-scram? ( net-misc/gsasl )
	ssl? (
		gnutls? ( app-misc/ca-certificates net-libs/gnutls:= )
		mbedtls? ( app-misc/ca-certificates net-libs/mbedtls:3= )
		openssl? ( >=dev-libs/openssl-3.0.0:= )
		rustls? ( net-libs/rustls-ffi:= )
	)
	zstd? ( app-arch/zstd:= )
"
DEPEND="${RDEPEND}"
BDEPEND="
	dev-lang/perl
	virtual/pkgconfig
"

# The options for TLS, one a line.
curl_tls() {
	local library
	if ! use ssl; then
		echo --without-ssl
		return
	fi
	echo --with-ca-path=/etc/ssl/certs
	usex openssl --with-openssl --without-openssl
	for library in gnutls mbedtls rustls; do
		usev "${library}" "--with-${library}"
	done
	for library in gnutls mbedtls openssl rustls; do
		usev "curl_ssl_${library}" "--with-default-ssl-backend=${library}"
	done
}

src_configure() {
	local args=(
		--without-ca-fallback
		--with-ca-bundle=/etc/ssl/certs/ca-certificates.crt
		--disable-ntlm
		--disable-smb
		--disable-versioned-symbols
		--without-libgsasl
		--with-zlib
		$(use_enable adns ares)
		$(use_enable !adns threaded-resolver)
		$(use_enable alt-svc)
		$(use_enable debug)
		$(use_enable ftp)
		$(use_enable gopher)
		$(use_enable hsts)
		$(use_enable httpsrr)
		$(use_enable imap)
		$(use_enable ldap)
		$(use_enable ldap ldaps)
		$(use_enable pop3)
		$(use_enable smtp)
		$(use_enable static-libs static)
		$(use_enable telnet)
		$(use_enable tftp)
		$(use_enable websockets)
		$(use_with brotli)
		$(use_with http2 nghttp2)
		$(use_with http3 nghttp3)
		$(use_with idn libidn2)
		$(use_with kerberos gssapi)
		$(use_with psl libpsl)
		$(use_with quic ngtcp2)
		$(use_with ssh libssh2)
		$(use_with zstd)
	)
	econf "${args[@]}" $(curl_tls)
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
