PACKAGES="dev-java/icedtea-bin"

configure_rootfs_build()
{
    echo "=virtual/jre-1.7.0 ~amd64" >> /etc/portage/package.keywords/java
}

finish_rootfs_build()
{
    emerge -C python
    echo "include ld.so.conf.d/*.conf" >> $EMERGE_ROOT/etc/ld.so.conf
}
