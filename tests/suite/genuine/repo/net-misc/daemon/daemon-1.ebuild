EAPI=8

DESCRIPTION="What a server's package does for its user: folders by tmpfiles.d, owners by name"
S="${WORKDIR}"
SLOT="0"
KEYWORDS="amd64"

RDEPEND="acct-user/memcached"

src_install() {
	insinto /usr/lib/tmpfiles.d
	newins - daemon.conf <<-END
		d /run/daemon 0755 memcached memcached -
		d /var/lib/daemon/spool 0750 memcached memcached -
		L+ /var/lib/daemon/run - - - - ../../../run/daemon
	END
	insinto /usr/lib/sysusers.d
	newins - daemon.conf <<-END
		u daemon-log 477 "Log of the daemon" /var/log/daemon
		m memcached daemon-log
	END
	keepdir /var/log/daemon
}

pkg_postinst() {
	chown memcached:memcached "${EROOT}/var/log/daemon" || die
}
