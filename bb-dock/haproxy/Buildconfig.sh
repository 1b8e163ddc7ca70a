PACKAGES="net-proxy/haproxy"

configure_rootfs_build() {
	# What upstream cares for is not always stable on amd64.
	update_keywords net-proxy/haproxy '~amd64'
	# Of what compresses, the one that it has in it.
	update_use net-proxy/haproxy +ssl +prometheus-exporter +pcre +pcre-jit +slz -zlib
	update_use dev-libs/libpcre2 -bzip2 -readline -zlib -pcre16 -pcre32
}

finish_rootfs_build() {
	# Settings are the dock's own; what is said of errors is in the program too.
	rm -rf "$EMERGE_ROOT"/etc/haproxy "$EMERGE_ROOT"/etc/{init.d,conf.d}/haproxy "$EMERGE_ROOT"/usr/share/vim \
		"$EMERGE_ROOT"/usr/lib/systemd/system/haproxy.service
	rm -f "$EMERGE_ROOT"/usr/bin/{pcre2grep,pcre2test,*pcre2-config} "$EMERGE_ROOT"/usr/lib64/libpcre2-posix.so*
	add_libgcc
}

# Its threads look for the compiler's library when they end. Nothing here is in C++.
add_libgcc() {
	copy_gcc_libs
	rm -f "$EMERGE_ROOT/usr/$(libdir)"/libstdc++.so*
}
