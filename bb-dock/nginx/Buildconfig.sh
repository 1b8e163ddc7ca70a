PACKAGES="www-servers/nginx"

configure_rootfs_build() {
	update_use www-servers/nginx -modules +nginx_modules_http_ssl +nginx_modules_http_v2 \
		+nginx_modules_http_gzip_static +nginx_modules_http_realip +nginx_modules_http_stub_status
	update_use app-misc/mime-types +nginx
	# The library is what is wanted, and not what its tools could do.
	update_use dev-libs/libpcre2 -bzip2 -readline -zlib -pcre16 -pcre32
}

finish_rootfs_build() {
	# The dock's own etc/ has the settings; logs go to the container's output.
	rm -rf "$EMERGE_ROOT"/etc/nginx/nginx.conf "$EMERGE_ROOT"/etc/{init.d,conf.d,logrotate.d}/nginx \
		"$EMERGE_ROOT"/usr/lib/systemd/system/nginx.service "$EMERGE_ROOT"/usr/share/{nginx,vim}
	drop_pcre_tools
}

drop_pcre_tools() {
	rm -f "$EMERGE_ROOT"/usr/bin/{pcre2grep,pcre2test,*pcre2-config} "$EMERGE_ROOT"/usr/lib64/libpcre2-posix.so*
}
