PACKAGES=""

configure_rootfs_build()
{
    :
}

finish_rootfs_build()
{
    :
}
