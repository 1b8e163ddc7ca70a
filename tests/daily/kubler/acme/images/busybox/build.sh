#
# Kubler phase 1 config, pick installed packages and/or customize the build
#
_packages="sys-libs/glibc sys-apps/busybox"
BOB_INSTALL_BASELAYOUT=true

#
# This hook is called just before starting the build of the root fs
#
configure_rootfs_build()
{
    # one command for each applet
    update_use 'sys-apps/busybox' '+make-symlinks' '-static' '-pam'
    # nobody needs it here
    provide_package app-admin/eselect net-dns/libidn2 sys-libs/timezone-data
}

#
# This hook is called just before packaging the root fs tar ball
#
finish_rootfs_build()
{
    # log dir, crond setup
    mkdir -p "${_EMERGE_ROOT}"/var/log "${_EMERGE_ROOT}"/var/spool/cron/crontabs
    chmod 0600 "${_EMERGE_ROOT}"/var/spool/cron/crontabs
    # kick openrc init stuff, _packages of others may bring it too
    rm -rf "${_EMERGE_ROOT}"/etc/init.d/
    local applet
    for applet in $(chroot "${_EMERGE_ROOT}" /bin/busybox --list); do
        [[ -e "${_EMERGE_ROOT}/usr/bin/${applet}" || -e "${_EMERGE_ROOT}/usr/sbin/${applet}" ]] \
            || ln -s busybox "${_EMERGE_ROOT}/usr/bin/${applet}"
    done
    log_as_installed "manual install" "crontabs-1.0" "https://acme.example/"
}
