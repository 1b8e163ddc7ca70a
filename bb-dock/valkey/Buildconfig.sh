PACKAGES="dev-db/valkey"

configure_rootfs_build() {
	# Gentoo has none that is stable on amd64.
	update_keywords dev-db/valkey '~amd64'
	update_use dev-db/valkey -ssl
	# For a folder that is made without it.
	provide_package virtual/tmpfiles
}

finish_rootfs_build() {
	# Settings are the dock's own. The server has all of its tools in it; each is as large.
	rm -rf "$EMERGE_ROOT"/etc/valkey "$EMERGE_ROOT"/etc/{init.d,conf.d}/valkey* "$EMERGE_ROOT"/etc/logrotate.d \
		"$EMERGE_ROOT"/usr/lib/systemd/system/valkey.service
	rm -f "$EMERGE_ROOT"/usr/{bin,sbin}/valkey-{benchmark,check-aof,check-rdb,sentinel}
	rm -rf "$EMERGE_ROOT"/var/log/valkey
}
