#
# Kubler phase 1 config
#
_packages="sys-apps/s6"

configure_rootfs_build()
{
    update_keywords 'sys-apps/s6' '+~amd64'
    update_keywords 'dev-lang/execline' '+~amd64'
    : # "_packages" is set above
}

finish_rootfs_build()
{
    # s6 folders
    cp -r /config/etc/* "${_EMERGE_ROOT}"/etc/
    chmod +x "${_EMERGE_ROOT}"/etc/service/.s6-svscan/finish
    mkdir -p "${_EMERGE_ROOT}"/service
}
