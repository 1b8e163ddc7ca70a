# execline and skalibs come with it.
PACKAGES="sys-apps/s6"

configure_rootfs_build() {
	# A hundred programs of a few pages each: one page less for each part of each.
	local package
	for package in dev-lang/execline sys-apps/s6; do
		package_env "$package" "LDFLAGS=\${LDFLAGS} -Wl,-z,noseparate-code"
	done
}
