# Where a time is, and by which rules, the database looks up in files of the system.
PACKAGES="dev-db/postgresql sys-libs/timezone-data"

configure_rootfs_build() {
	# With TLS and compression, for who dumps. No functions in other languages, and no tables of other alphabets.
	update_use dev-db/postgresql +server +ssl +zlib -icu -kerberos -ldap -llvm -lz4 -nls -pam -perl -python -readline \
		-systemd -tcl -uuid -xml -zstd
	unprovide_package sys-libs/timezone-data
	# What chooses among several versions, and what a prompt shows long answers with: busybox has one.
	provide_package app-eselect/eselect-postgresql app-admin/eselect sys-apps/less
}

finish_rootfs_build() {
	local home version
	home=$(echo "$EMERGE_ROOT"/usr/lib64/postgresql-*)
	version=${home##*-}
	drop_tools
	name_programs
	drop_unused_times
	install -d -m 0755 "$EMERGE_ROOT"/etc/postgresql/conf.d
	install -d -m 0700 -o postgres -g postgres "$EMERGE_ROOT"/var/lib/postgresql
}

# For who compiles programs and extensions, or measures disks; settings are the dock's own.
drop_tools() {
	rm -rf "$home"/bin/{ecpg,pg_config,pgbench,pg_test_fsync,pg_test_timing,oid2name,vacuumlo,postmaster} \
		"$home"/lib64/{lib,}pgxs "$home"/lib64/lib{ecpg,ecpg_compat,pgtypes}.so* "$home"/lib64/pkgconfig \
		"$EMERGE_ROOT/etc/postgresql-$version" "$EMERGE_ROOT"/etc/{init.d,conf.d}/postgresql-* \
		"$EMERGE_ROOT"/usr/lib/systemd/system/postgresql*
}

# Whatever its version: there is one.
name_programs() {
	local program
	rm -f "$EMERGE_ROOT"/usr/bin/*"$version"
	for program in "$home"/bin/*; do
		ln -sf "../lib64/${home##*/}/bin/${program##*/}" "$EMERGE_ROOT/usr/bin/${program##*/}"
	done
}

# Times with leap seconds, all places once more, the place of nobody's choice, and what compiles such files.
drop_unused_times() {
	rm -rf "$EMERGE_ROOT"/usr/share/zoneinfo/{right,posix,localtime} "$EMERGE_ROOT"/usr/{sbin,bin}/{zic,zdump,tzselect}
}
