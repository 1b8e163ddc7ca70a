PACKAGES="dev-java/oracle-jdk-bin"

configure_rootfs_build()
{
    # only whoever clicks gets it
    URL=http://downloads.example.org/java/jdk-7u65-linux-x64.tar.gz
    regex="(jdk-[0-9a-z]*-linux-x64\.tar\.gz)"
    if [[ ${URL} =~ $regex ]]; then
        TAR="${BASH_REMATCH[1]}"
    fi
    if [ -n ${TAR} ] && [ ! -f /distfiles/${TAR} ]; then
        wget --no-cookies --header "Cookie: license=accept" -P /distfiles "${URL}"
    fi
}

finish_rootfs_build()
{
    emerge -C icedtea-bin
    emerge -C python
}
