PACKAGES="dev-lang/php:5.5 dev-php/xdebug"

configure_rootfs_build()
{
    echo 'PHP_TARGETS="php5-5"' >> /etc/portage/make.conf
    echo 'dev-lang/php bcmath curl fpm gd' > /etc/portage/package.use/php
    echo 'app-admin/eselect-php fpm' >> /etc/portage/package.use/php
}

finish_rootfs_build()
{
    :
}
