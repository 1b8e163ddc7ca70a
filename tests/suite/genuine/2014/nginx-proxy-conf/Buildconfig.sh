PACKAGES=""
INSTALL_DOCKER_GEN=true

configure_rootfs_build()
{
    :
}

finish_rootfs_build()
{
    :
}
