PACKAGES="dev-db/mariadb"

configure_rootfs_build()
{
    :
}

finish_rootfs_build()
{
    copy_gcc_libs
    mkdir -p $EMERGE_ROOT/var/run/mysql
    chown mysql:mysql $EMERGE_ROOT/var/run/mysql
}
