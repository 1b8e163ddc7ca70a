PACKAGES="net-dns/dnsmasq"

configure_rootfs_build() {
	# Names only: no DHCP and TFTP, no other languages.
	update_use net-dns/dnsmasq +inotify +ipv6 -auth-dns -dhcp -dumpfile -idn -nls -script -tftp
}

finish_rootfs_build() {
	# The dock's own etc/ has the settings.
	rm -rf "$EMERGE_ROOT"/etc/dnsmasq.conf "$EMERGE_ROOT"/etc/{init.d,conf.d,logrotate.d}/dnsmasq \
		"$EMERGE_ROOT"/usr/lib/systemd/system/dnsmasq.service "$EMERGE_ROOT"/usr/share/dnsmasq
	mkdir -p "$EMERGE_ROOT"/etc/dnsmasq.d "$EMERGE_ROOT"/etc/dnsmasq.hosts
}
