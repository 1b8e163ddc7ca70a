#
# build config
#
PACKAGES="sys-apps/busybox"
KEEP_HEADERS=true

#
# runs in the builder before the rootfs is built
#
configure_rootfs_build()
{
    # a static one would not look up names
    echo "sys-apps/busybox -static" > /etc/portage/package.use/busybox
}

#
# runs in the builder before the rootfs is packed
#
finish_rootfs_build()
{
    mkdir -p $EMERGE_ROOT/var/log
}
