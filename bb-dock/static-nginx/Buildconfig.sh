PACKAGES="www-servers/nginx"

configure_rootfs_build() {
	update_use www-servers/nginx -modules -nginx_modules_http_ssl -nginx_modules_http_v2 -nginx_modules_http_grpc \
		+nginx_modules_http_gzip_static +nginx_modules_http_realip +nginx_modules_http_stub_status
	update_use app-misc/mime-types +nginx
	# All that it needs is linked in: these have the archives for it, and the C library has.
	update_use dev-libs/libpcre2 +static-libs -bzip2 -readline -zlib -pcre16 -pcre32
	update_use sys-libs/libxcrypt +static-libs
	update_use sys-libs/zlib +static-libs
	package_env www-servers/nginx LDFLAGS="-Wl,-O1 -Wl,--as-needed -static"
}

finish_rootfs_build() {
	is_static
	keep_only usr/sbin/nginx usr/bin/nginx etc/nginx/mime.types.nginx etc/passwd etc/group
	# Where requests wait; it is for who runs it.
	mkdir -p "$EMERGE_ROOT"/var/cache/nginx
	chown nginx:nginx "$EMERGE_ROOT"/var/cache/nginx
}

is_static() {
	! LC_ALL=C readelf -lW "$EMERGE_ROOT"/usr/sbin/nginx | grep -E 'INTERP|DYNAMIC' || {
		echo "nginx is not linked statically" >&2
		return 1
	}
}

# keep_only PATH…: of all files, and the folders that they are in, besides those where somebody mounts something. Records
# of packages are no part of the image.
keep_only() {
	local path keep=()
	for path; do keep+=(! -path "./$path"); done
	(
		cd "$EMERGE_ROOT" || exit
		find . \( -path ./var/db -o -path ./var/lib \) -prune -o ! -type d "${keep[@]}" ! -path ./usr/sbin -exec rm {} +
		find . -mindepth 2 -type d -empty ! -path './var/db*' ! -path './var/lib*' -delete
		find . -mindepth 1 -maxdepth 1 -type d -empty ! -path ./dev ! -path ./proc ! -path ./run ! -path ./sys ! -path ./tmp -delete
	)
}
