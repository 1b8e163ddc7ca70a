#
# Kubler phase 1 config, pick installed packages and/or customize the build
#
_packages="dev-libs/openssl"

configure_rootfs_build()
{
    :
}

finish_rootfs_build()
{
    # scripts for perl, which is not there
    rm -rf "${_EMERGE_ROOT}"/etc/ssl/misc "${_EMERGE_ROOT}"/usr/bin/c_rehash "${_EMERGE_ROOT}"/usr/"${_LIB}"/engines-*
}
