PACKAGES="net-misc/curl"
INSTALL_DOCKER_GEN=true
KEEP_HEADERS=true

configure_rootfs_build()
{
    :
}

finish_rootfs_build()
{
    :
}
