PACKAGES="dev-db/sqlite"

configure_rootfs_build() {
	# The line editor is as large as the rest.
	update_use dev-db/sqlite -readline -tcl -icu
}

# Where databases are.
finish_rootfs_build() {
	install -d -m 0755 -o nobody "$EMERGE_ROOT"/data
}
