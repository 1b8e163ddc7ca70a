PACKAGES="app-shells/bash app-misc/elasticsearch"

configure_rootfs_build()
{
    echo "app-misc/elasticsearch ~amd64" >> /etc/portage/package.keywords/elastic
    sed -i /^app-shells\\/bash/d /etc/portage/profile/package.provided
}

finish_rootfs_build()
{
    :
}
