EAPI=8

DESCRIPTION="Robust, small and high performance http and reverse proxy server"
HOMEPAGE="https://nginx.org"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="BSD-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="aio debug +http +http-cache +http2 http3 +pcre pcre-jit ssl threads"

# Compiled in unless left out, and the other way round.
NGINX_MODULES_STD="access auth_basic autoindex browser charset empty_gif fastcgi geo gzip limit_conn
	limit_req map memcached mirror proxy referer rewrite scgi split_clients ssi upstream_hash
	upstream_ip_hash upstream_keepalive upstream_least_conn upstream_zone userid uwsgi"
NGINX_MODULES_OPT="addition auth_request dav flv gunzip gzip_static mp4 random_index realip secure_link
	slice stub_status sub"
for module in ${NGINX_MODULES_STD}; do IUSE+=" +nginx_modules_http_${module}"; done
for module in ${NGINX_MODULES_OPT}; do IUSE+=" nginx_modules_http_${module}"; done
unset module

REQUIRED_USE="pcre-jit? ( pcre ) http3? ( ssl )"

RDEPEND="
	acct-group/nginx
	acct-user/nginx
	virtual/libcrypt:=
	pcre? ( dev-libs/libpcre2:= )
	pcre-jit? ( dev-libs/libpcre2:=[jit] )
	ssl? ( dev-libs/openssl:= )
	nginx_modules_http_gzip? ( sys-libs/zlib:= )
	nginx_modules_http_gunzip? ( sys-libs/zlib:= )
	nginx_modules_http_gzip_static? ( sys-libs/zlib:= )
"
DEPEND="${RDEPEND}"

# The options that follow from USE, one a line.
nginx_options() {
	local module
	usev aio --with-file-aio
	usev debug --with-debug
	usev threads --with-threads
	usex pcre --with-pcre --without-pcre
	usev pcre-jit --with-pcre-jit
	use http || { echo --without-http; return; }
	usev http2 --with-http_v2_module
	usev http3 --with-http_v3_module
	usev ssl --with-http_ssl_module
	use http-cache || echo --without-http-cache
	for module in ${NGINX_MODULES_STD}; do
		use "nginx_modules_http_${module}" || echo "--without-http_${module}_module"
	done
	for module in ${NGINX_MODULES_OPT}; do
		usev "nginx_modules_http_${module}" "--with-http_${module}_module"
	done
}

# Not autoconf: it takes no option it does not know, so econf will not do.
src_configure() {
	local args=(
		--prefix=/usr
		--sbin-path=/usr/sbin/nginx
		--conf-path=/etc/nginx/nginx.conf
		--error-log-path=/var/log/nginx/error_log
		--http-log-path=/var/log/nginx/access_log
		--pid-path=/run/nginx.pid
		--lock-path=/run/lock/nginx.lock
		--http-client-body-temp-path=/var/lib/nginx/tmp/client
		--http-proxy-temp-path=/var/lib/nginx/tmp/proxy
		--http-fastcgi-temp-path=/var/lib/nginx/tmp/fastcgi
		--http-scgi-temp-path=/var/lib/nginx/tmp/scgi
		--http-uwsgi-temp-path=/var/lib/nginx/tmp/uwsgi
		--user=nginx
		--group=nginx
		--with-compat
		--with-cc="${CHOST}-gcc"
		--with-cc-opt="${CFLAGS}"
		--with-ld-opt="${LDFLAGS}"
	)
	./configure "${args[@]}" $(nginx_options) || die
}

src_install() {
	# Upstream's makefile asks whether files are there already, in DESTDIR.
	emake DESTDIR="${D}" install
	rm -r "${ED}"/usr/html "${ED}"/etc/nginx/*.default "${ED}"/run || die
	insinto /etc/nginx
	doins "${FILESDIR}/nginx.conf"
	insinto /var/www/localhost/htdocs
	newins - index.html <<<'<html><body><h1>It works!</h1></body></html>'
	keepdir /var/log/nginx /var/lib/nginx/tmp
	fperms 0750 /var/log/nginx /var/lib/nginx/tmp
	fowners nginx:nginx /var/log/nginx /var/lib/nginx /var/lib/nginx/tmp
}
