PACKAGES="net-misc/socat"

configure_rootfs_build() {
	# Neither TLS nor a line editor.
	update_use net-misc/socat +ipv6 -readline -ssl
}

# Tools for who examines sockets, and bash scripts, for which there is no bash.
finish_rootfs_build() {
	rm -f "$EMERGE_ROOT"/usr/bin/{filan,procan,socat-*.sh}
}
