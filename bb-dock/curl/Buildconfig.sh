PACKAGES="net-misc/curl"

configure_rootfs_build() {
	# HTTP, FTP and WebSocket over TLS. Mail and HTTP/3 are off, and so is a resolver of its own.
	update_use net-misc/curl +ssl +http2 -adns -http3 -httpsrr -quic -psl -imap -pop3 -smtp -tftp
}

finish_rootfs_build() {
	rm -rf "$EMERGE_ROOT"/usr/bin/{curl-config,wcurl} "$EMERGE_ROOT"/usr/share/nghttp2
	drop_unused_openssl_parts
	keep_one_file_of_certificates
}

# curl needs the libraries.
drop_unused_openssl_parts() {
	rm -rf "$EMERGE_ROOT"/usr/bin/{openssl,c_rehash} "$EMERGE_ROOT"/etc/ssl/{misc,private,*.dist} \
		"$EMERGE_ROOT"/usr/lib64/{engines-*,ossl-modules}
}

# It has them all, and curl reads it.
keep_one_file_of_certificates() {
	find "$EMERGE_ROOT"/etc/ssl/certs ! -type d ! -name ca-certificates.crt -delete
	rm -rf "$EMERGE_ROOT"/usr/share/ca-certificates "$EMERGE_ROOT"/etc/ca-certificates* "$EMERGE_ROOT"/usr/sbin/update-ca-certificates \
		"$EMERGE_ROOT"/usr/bin/update-ca-certificates
}
