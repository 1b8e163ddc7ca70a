EAPI=8

# Where tmpfiles.d is read is said by IDEPEND here, as in Gentoo's.
TMPFILES_OPTIONAL=1
inherit tmpfiles toolchain-funcs

DESCRIPTION="Robust, small and high performance HTTP and reverse proxy server"
HOMEPAGE="https://nginx.org"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="BSD-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="aio debug +http mail +modules stream"

# Compiled in unless left out, and the other way round.
NGINX_MODULES=(
	+http_{access,auth_basic,autoindex,browser,charset,empty_gif,fastcgi,geo,grpc,gzip,limit_conn,limit_req,map}
	+http_{memcached,mirror,proxy,referer,rewrite,scgi,split_clients,ssi,upstream_hash,upstream_ip_hash}
	+http_{upstream_keepalive,upstream_least_conn,upstream_random,upstream_zone,userid,uwsgi}
	http_{addition,auth_request,dav,flv,gunzip,gzip_static,mp4,random_index,realip,secure_link,slice,ssl}
	http_{stub_status,sub,v2,v3}
)
for module in "${NGINX_MODULES[@]}"; do
	# Upstream leaves these out; who serves anything today wants them.
	[[ ${module} != http_@(ssl|v2) ]] || module=+${module}
	[[ ${module} == +* ]] && IUSE+=" +nginx_modules_${module#+}" || IUSE+=" nginx_modules_${module}"
done
unset module

REQUIRED_USE="
	|| ( http mail stream )
	nginx_modules_http_grpc? ( nginx_modules_http_v2 )
	nginx_modules_http_v3? ( nginx_modules_http_ssl )
"

DEPEND="
	acct-group/nginx
	acct-user/nginx
	virtual/libcrypt:=
	nginx_modules_http_gunzip? ( virtual/zlib:= )
	nginx_modules_http_gzip? ( virtual/zlib:= )
	nginx_modules_http_rewrite? ( dev-libs/libpcre2:= )
	nginx_modules_http_ssl? ( dev-libs/openssl:= )
	nginx_modules_http_v3? ( >=dev-libs/openssl-1.1.1:= )
"
RDEPEND="
	${DEPEND}
	app-misc/mime-types[nginx]
"
IDEPEND="virtual/tmpfiles"

# The options that follow from USE, one a line.
nginx_options() {
	local module
	usev aio --with-file-aio
	usev debug --with-debug
	usev modules --with-compat
	use http || echo --without-http
	usev mail --with-mail
	usev stream --with-stream
	for module in "${NGINX_MODULES[@]}"; do
		if [[ ${module} == +* ]]; then
			use "nginx_modules_${module#+}" || echo "--without-${module#+}_module"
		else
			usev "nginx_modules_${module}" "--with-${module}_module"
		fi
	done
}

# Not autoconf: it takes no option it does not know, so econf will not do.
src_configure() {
	local args=(
		--prefix="/usr/$(get_libdir)/nginx"
		--sbin-path=/usr/sbin/nginx
		--modules-path="/usr/$(get_libdir)/nginx/modules"
		--conf-path=/etc/nginx/nginx.conf
		--error-log-path=/var/log/nginx/error.log
		--http-log-path=/var/log/nginx/access.log
		--pid-path=/run/nginx/nginx.pid
		--lock-path=/run/lock/nginx.lock
		--http-client-body-temp-path=/var/cache/nginx/client_body_temp
		--http-proxy-temp-path=/var/cache/nginx/proxy_temp
		--http-fastcgi-temp-path=/var/cache/nginx/fastcgi_temp
		--http-scgi-temp-path=/var/cache/nginx/scgi_temp
		--http-uwsgi-temp-path=/var/cache/nginx/uwsgi_temp
		--user=nginx
		--group=nginx
		--with-threads
		--with-cc="$(tc-getCC)"
		--with-cc-opt="${CFLAGS}"
		--with-ld-opt="${LDFLAGS}"
	)
	./configure "${args[@]}" $(nginx_options) || die
}

src_install() {
	# Upstream's makefile asks whether files are there already, in DESTDIR.
	emake DESTDIR="${D}" install
	rm -r "${ED}/usr/$(get_libdir)/nginx/html" "${ED}/run" || die
	# Types are another package's; settings are ours, upstream's are to be read.
	rm "${ED}"/etc/nginx/{*.default,mime.types,fastcgi.conf,nginx.conf} || die
	insinto /usr/share/nginx
	doins html/*.html
	insinto /etc/nginx
	doins "${FILESDIR}/nginx.conf"
	newinitd "${FILESDIR}/nginx.initd" nginx
	newtmpfiles "${FILESDIR}/nginx.tmpfiles" nginx-tmp.conf
	keepdir /var/log/nginx /var/www "/usr/$(get_libdir)/nginx/modules"
	fperms 0750 /var/log/nginx
	fowners root:nginx /var/log/nginx
}

pkg_postinst() {
	tmpfiles_process --remove nginx-tmp.conf
}
