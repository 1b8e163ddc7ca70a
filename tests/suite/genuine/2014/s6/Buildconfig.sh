PACKAGES="sys-apps/s6"

configure_rootfs_build()
{
    echo "sys-apps/s6 ~amd64" > /etc/portage/package.keywords/s6
    echo "dev-lang/execline ~amd64" >> /etc/portage/package.keywords/s6
    echo "dev-libs/skalibs ~amd64" >> /etc/portage/package.keywords/s6
    sed -i /^app-shells\\/bash/d /etc/portage/profile/package.provided
    echo 'NOTE="of s6"' >> /etc/portage/make.conf
}

finish_rootfs_build()
{
    mkdir -p $EMERGE_ROOT/etc/service $EMERGE_ROOT/service
    emerge -C python
    echo "include ld.so.conf.d/*.conf" >> $EMERGE_ROOT/etc/ld.so.conf
}
