# sys-apps/baselayout comes by itself: an image FROM scratch always starts with it.
PACKAGES="sys-libs/glibc sys-apps/busybox"

configure_rootfs_build() {
	update_use sys-apps/busybox +make-symlinks -static
}

finish_rootfs_build() {
	link_applets
	drop_unused_libc_parts
}

# Every applet by its own name, also where the package brings no links or puts them aside.
link_applets() {
	local applet
	for applet in $(chroot "$EMERGE_ROOT" /bin/busybox --list); do
		[ -e "$EMERGE_ROOT/usr/bin/$applet" ] || [ -e "$EMERGE_ROOT/usr/sbin/$applet" ] ||
			ln -sf busybox "$EMERGE_ROOT/usr/bin/$applet"
	done
}

# Conversion of character sets, sources of locales, vector mathematics, old name services, tools for
# debugging: 1 to 20 MB, depending on the C library's package, that no image of this kind uses.
drop_unused_libc_parts() {
	local lib
	rm -rf "$EMERGE_ROOT"/usr/share/i18n
	for lib in "$EMERGE_ROOT"/usr/lib "$EMERGE_ROOT"/usr/lib64; do
		rm -rf "$lib"/{gconv,audit} "$lib"/lib{mvec,nsl,BrokenLocale,nss_hesiod,nss_compat,memusage,pcprofile,c_malloc_debug}.so*
	done
}
