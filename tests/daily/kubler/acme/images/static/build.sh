#
# What is linked statically on top of it needs the libraries of its parent.
#
_packages="dev-libs/libpcre2"
_static_libs_from=acme/zlib # its image has none

configure_rootfs_build()
{
    update_use 'dev-libs/libpcre2' '+static-libs'
    # kubler's own documentation
    init_docs 'acme/static'
}
