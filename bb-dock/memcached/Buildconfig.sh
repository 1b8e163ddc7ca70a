# Who starts it needs its user, which the package has for the time of compiling only.
PACKAGES="net-misc/memcached acct-user/memcached"

configure_rootfs_build() {
	update_use net-misc/memcached -seccomp -ssl
	update_use dev-libs/libevent -ssl
	# For a tool that shows statistics, which goes below.
	provide_package dev-lang/perl
}

finish_rootfs_build() {
	rm -f "$EMERGE_ROOT"/usr/bin/memcached-tool "$EMERGE_ROOT"/etc/{init.d,conf.d}/memcached \
		"$EMERGE_ROOT"/usr/lib/systemd/system/memcached.service
	drop_unused_libevent_parts
}

# memcached is linked to the one that has it all; a script in Python has no Python here.
drop_unused_libevent_parts() {
	rm -f "$EMERGE_ROOT"/usr/lib64/libevent_*.so* "$EMERGE_ROOT"/usr/bin/event_rpcgen.py
}
