PACKAGES="dev-java/oracle-jre-bin"

configure_rootfs_build()
{
    echo "=virtual/jre-1.7.0 ~amd64" >> /etc/portage/package.keywords/java
    # only whoever clicks gets it
    URL=http://downloads.example.org/java/jre-7u65-linux-x64.tar.gz
    regex="(jre-[0-9a-z]*-linux-x64\.tar\.gz)"
    if [[ ${URL} =~ $regex ]]; then
        TAR="${BASH_REMATCH[1]}"
    fi
    if [ -n ${TAR} ] && [ ! -f /distfiles/${TAR} ]; then
        wget --no-cookies --header "Cookie: license=accept" -P /distfiles "${URL}"
    fi
}

finish_rootfs_build()
{
    emerge -C python
}
