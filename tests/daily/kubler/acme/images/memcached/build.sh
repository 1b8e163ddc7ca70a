#
# Kubler phase 1 config
#
_packages="net-misc/memcached acct-user/memcached"
_memcached_port=11211

#
# This hook can be used to configure the build container itself
#
configure_builder()
{
    update_use 'dev-libs/libevent' '-ssl'
    # for the tests of it
    emerge -1 dev-libs/libevent \
        "sys-libs/zlib"
}

configure_rootfs_build()
{
    update_use 'net-misc/memcached' '-ssl' '-seccomp'
    provide_package dev-lang/perl
}

finish_rootfs_build()
{
    mkdir -p "${_EMERGE_ROOT}"/etc/service/memcached
    cat > "${_EMERGE_ROOT}"/etc/service/memcached/run <<END
#!/bin/sh
exec memcached -u memcached -p ${_memcached_port}
END
    chmod +x "${_EMERGE_ROOT}"/etc/service/memcached/run
}
