PACKAGES="net-misc/dropbear"

configure_rootfs_build() {
	# One program by all names, which writes to the container's output. Without syslog it knows no -E.
	update_use net-misc/dropbear +multicall -minimal -pam -syslog -zlib
	update_use dev-libs/libtomcrypt -gmp +libtommath -tomsfastmath
}

finish_rootfs_build() {
	rm -rf "$EMERGE_ROOT"/etc/{init.d,conf.d}/dropbear "$EMERGE_ROOT"/usr/bin/{dropbearconvert,dbscp}
	# By this name others ask for it.
	ln -sf dropbearmulti "$EMERGE_ROOT"/usr/bin/scp
	make_guest
}

# Who logs in, and whom the server runs as: no acct-* package has one of the kind.
make_guest() {
	add_group guest 1000
	add_user guest 1000 guest /home/guest /bin/sh
	install -d -m 0700 -o 1000 -g 1000 "$EMERGE_ROOT"/home/guest "$EMERGE_ROOT"/home/guest/.ssh
	install -d -m 0700 -o 1000 -g 1000 "$EMERGE_ROOT"/etc/dropbear
}
