_packages="sys-libs/zlib"

configure_rootfs_build()
{
    update_use 'sys-libs/zlib' '+static-libs'
}
