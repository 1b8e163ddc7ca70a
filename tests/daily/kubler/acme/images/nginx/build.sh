#
# Kubler phase 1 config
#
_packages="www-servers/nginx"
# to compile modules on top of it
_headers_from="acme/openssl acme/s6"

configure_rootfs_build()
{
    update_use 'www-servers/nginx' '+nginx_modules_http_v2'
    update_use 'app-misc/mime-types' '+nginx'
    update_use 'dev-libs/libpcre2' '-readline'
}

finish_rootfs_build()
{
    local conf="${_EMERGE_ROOT}/etc/nginx/nginx.conf"
    mkdir -p "${_EMERGE_ROOT}"/etc/nginx/conf.d "${_EMERGE_ROOT}"/var/www/localhost/htdocs
    cp "${_CONFIG}"/nginx.conf "${conf}"
    sed-or-die '@PORT@' "${BOB_NGINX_PORT}" "${conf}"
    # '${_EMERGE_ROOT}' is not replaced in this comment
    echo "It works, without _packages!" > "${_EMERGE_ROOT}"/var/www/localhost/htdocs/index.html
}
