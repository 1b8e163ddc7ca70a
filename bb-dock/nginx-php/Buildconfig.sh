PACKAGES="www-servers/nginx"

# As the dock nginx has it: it is compiled once for both.
configure_rootfs_build() {
	update_use www-servers/nginx -modules +nginx_modules_http_ssl +nginx_modules_http_v2 \
		+nginx_modules_http_gzip_static +nginx_modules_http_realip +nginx_modules_http_stub_status
	update_use app-misc/mime-types +nginx
}

finish_rootfs_build() {
	rm -rf "$EMERGE_ROOT"/etc/nginx/nginx.conf "$EMERGE_ROOT"/etc/{init.d,conf.d,logrotate.d}/nginx \
		"$EMERGE_ROOT"/usr/lib/systemd/system/nginx.service "$EMERGE_ROOT"/usr/share/{nginx,vim}
}
