# execline and skalibs come with it.
PACKAGES="sys-apps/s6"

configure_rootfs_build() {
	local package
	# A hundred small programs, each of whose segments would have pages of its own: most of them empty.
	for package in sys-apps/s6 dev-lang/execline dev-libs/skalibs; do
		package_env "$package" "LDFLAGS=\${LDFLAGS} -Wl,-z,noseparate-code"
	done
}
