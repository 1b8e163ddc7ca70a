PACKAGES="net-dns/unbound"

configure_rootfs_build() {
	# DNS over TLS is in it; over HTTPS, where it would be the server, is not.
	update_use net-dns/unbound -http2 -ecs -gost -python
	update_use dev-libs/libevent -ssl
}

finish_rootfs_build() {
	# Settings are the dock's own.
	rm -rf "$EMERGE_ROOT"/etc/unbound "$EMERGE_ROOT"/etc/{init.d,conf.d}/unbound "$EMERGE_ROOT"/usr/share/unbound \
		"$EMERGE_ROOT"/usr/lib/systemd/system/unbound*
	mkdir -p "$EMERGE_ROOT"/etc/unbound/conf.d
	drop_tools
	drop_unused_libevent_parts
}

# What the root zone's keys are known by is in the image: nobody is asked for it by HTTPS, which takes a parser of XML.
# And the library is for programs that do without a server.
drop_tools() {
	rm -f "$EMERGE_ROOT"/usr/sbin/unbound-{anchor,control-setup,host} "$EMERGE_ROOT"/usr/lib64/lib{unbound,expat}*.so*
}

# unbound is linked to the one that has it all.
drop_unused_libevent_parts() {
	rm -f "$EMERGE_ROOT"/usr/lib64/libevent_*.so*
}
