#
# For who compiles: as the gcc image, with the packages that there are.
#
_packages="sys-libs/zlib dev-libs/libevent"
_keep_headers=true
_keep_static_libs=true
# Remove specified binary cache file(s) *once* for given tag key
_no_cache_20200731="sys-libs/zlib"

configure_rootfs_build()
{
    update_use 'sys-libs/zlib' '+static-libs'
    update_use 'dev-libs/libevent' '+static-libs' '-ssl'
}

finish_rootfs_build()
{
    # required by c++
    copy_gcc_libs
}
