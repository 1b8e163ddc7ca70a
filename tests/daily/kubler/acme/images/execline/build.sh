_packages="dev-lang/execline dev-libs/skalibs"

configure_rootfs_build()
{
    # it is in the parent, and wanted again
    unprovide_package dev-lang/execline
    update_use +threads
}
