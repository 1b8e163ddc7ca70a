PACKAGES="dev-libs/openssl"

configure_rootfs_build() {
	# Ciphers are in assembler, whatever the rest of it is compiled for.
	package_env dev-libs/openssl "CFLAGS=\${CFLAGS} -Os"
}

finish_rootfs_build() {
	# Scripts that need Perl, which is not in the image, and settings' pristine copies.
	rm -rf "$EMERGE_ROOT"/etc/ssl/misc "$EMERGE_ROOT"/etc/ssl/*.dist "$EMERGE_ROOT"/usr/bin/c_rehash
	# An engine that does something on Windows only, and one that OpenSSL keeps for its own tests.
	rm -f "$EMERGE_ROOT"/usr/lib64/engines-*/{capi,loader_attic}.so
}
