# sys-apps/baselayout comes by itself: an image FROM scratch always starts with it.
PACKAGES="sys-libs/glibc sys-apps/busybox"
# A megabyte of mathematics, which no command here asks for; images on this one have it where their programs do.
KEEP_IF_NEEDED="libm.so.6"

configure_rootfs_build() {
	# Profiles have pam on, for who logs in.
	update_use sys-apps/busybox +make-symlinks -math -static -pam
	package_env sys-apps/busybox "CFLAGS=\${CFLAGS} -Os"
	# What glibc has for hosts with names in other alphabets, and for the world's times: nothing here asks for it.
	provide_package net-dns/libidn2 sys-libs/timezone-data
}

finish_rootfs_build() {
	link_applets
	give_root_a_shell
	drop_service_scripts
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

# Gentoo's table of users names one that is not here.
give_root_a_shell() {
	sed -i 's:^\(root\:.*\:\)/bin/bash$:\1/bin/sh:' "$EMERGE_ROOT/etc/passwd"
}

# OpenRC's, of which there is nothing here.
drop_service_scripts() {
	rm -rf "$EMERGE_ROOT"/etc/{init.d,conf.d}/* "$EMERGE_ROOT"/usr/share/busybox/busybox-links.tar
}

# Vector mathematics, old name services, tools for debugging: up to a few MB, depending on the C library's
# package, that no image of this kind uses. (Character sets stay out of images by themselves, unless a dock has
# KEEP_CHARSETS.)
drop_unused_libc_parts() {
	local lib tool
	# Libraries are where the loader looks without a cache of their names.
	rm -f "$EMERGE_ROOT"/etc/ld.so.cache "$EMERGE_ROOT"/usr/bin/ldconfig "$EMERGE_ROOT"/usr/sbin/ldconfig "$EMERGE_ROOT"/sbin/ldconfig
	for lib in "$EMERGE_ROOT"/usr/lib "$EMERGE_ROOT"/usr/lib64; do
		rm -rf "$lib"/audit "$lib"/lib{mvec,nsl,BrokenLocale,nss_hesiod,nss_compat,memusage,pcprofile,c_malloc_debug}.so*
	done
	rm -rf "$EMERGE_ROOT"/usr/libexec/getconf
	# By these names busybox may have links.
	for tool in gencat getconf iconv iconvconfig ldd locale localedef makedb memusage{,stat} mtrace pcprofiledump pldd sln sotruss sprof xtrace; do
		find "$EMERGE_ROOT"/{,usr/}{bin,sbin}/ -maxdepth 1 -name "$tool" -type f -delete
	done
}
