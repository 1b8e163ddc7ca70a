PACKAGES="sys-kernel/linux-headers sys-devel/make sys-devel/binutils sys-devel/gcc"
KEEP_HEADERS=true

configure_rootfs_build()
{
    :
}

finish_rootfs_build()
{
    :
}
