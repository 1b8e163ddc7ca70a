PACKAGES="www-servers/nginx"

configure_rootfs_build()
{
    echo 'NGINX_MODULES_HTTP="access autoindex charset gzip gzip_static map proxy rewrite stub_status"' >> /etc/portage/make.conf
    echo 'NGINX_MODULES_MAIL=""' >> /etc/portage/make.conf
    echo 'app-misc/mime-types nginx' > /etc/portage/package.use/nginx
}

finish_rootfs_build()
{
    :
}
