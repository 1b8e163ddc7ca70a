PACKAGES="www-servers/nginx"

configure_rootfs_build() {
	update_use www-servers/nginx +http2 +ssl +pcre \
		+nginx_modules_http_gzip_static +nginx_modules_http_realip +nginx_modules_http_stub_status
}

finish_rootfs_build() {
	# The dock's own etc/ has the settings; logs go to the container's output.
	rm -rf "$EMERGE_ROOT"/etc/nginx/nginx.conf "$EMERGE_ROOT"/etc/{init.d,conf.d,logrotate.d}/nginx
	drop_pcre_tools
}

drop_pcre_tools() {
	rm -f "$EMERGE_ROOT"/usr/bin/pcre2{grep,test,-config} "$EMERGE_ROOT"/usr/lib64/libpcre2-posix.so*
}
