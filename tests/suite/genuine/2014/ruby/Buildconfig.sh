PACKAGES="app-shells/bash dev-lang/ruby"

configure_rootfs_build()
{
    sed -i /^app-shells\\/bash/d /etc/portage/profile/package.provided
}

finish_rootfs_build()
{
    :
}
