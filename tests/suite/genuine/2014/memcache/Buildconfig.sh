PACKAGES="net-misc/memcached acct-user/memcached"
INSTALL_DOCKER_GEN=true

configure_rootfs_build()
{
    # what the parent has added is here
    grep -q '^NOTE="of s6"$' /etc/portage/make.conf
    grep -q '^sys-apps/busybox -static$' /etc/portage/package.use/*
}

finish_rootfs_build()
{
    mkdir -p $EMERGE_ROOT/var/run/memcached
    chown memcached:memcached $EMERGE_ROOT/var/run/memcached
}
