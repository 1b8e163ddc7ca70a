PACKAGES="net-misc/openssh"

configure_rootfs_build() {
	update_use net-misc/openssh +ssl -pam -audit -kerberos -ldns -libedit -security-key
	# Tools that make users: busybox has some.
	provide_package sys-apps/shadow
}

finish_rootfs_build() {
	# The dock's own etc/ has the server's settings.
	rm -rf "$EMERGE_ROOT"/etc/ssh/sshd_config{,.d} "$EMERGE_ROOT"/etc/{init.d,conf.d}/sshd "$EMERGE_ROOT"/etc/user \
		"$EMERGE_ROOT"/usr/lib/systemd/system/sshd*
	drop_clients_helpers
	make_guest
}

# Agents, tokens, keys of hosts; what sshd does itself for SFTP; and tables for an exchange of keys that goes on with its own without them.
drop_clients_helpers() {
	rm -f "$EMERGE_ROOT"/usr/bin/{ssh-add,ssh-agent,ssh-copy-id,ssh-keyscan} "$EMERGE_ROOT"/etc/ssh/moduli \
		"$EMERGE_ROOT"/usr/lib64/misc/{sftp-server,ssh-keysign,ssh-pkcs11-helper,ssh-sk-helper}
}

# Who logs in: no acct-* package has one of the kind. An account with ! would be locked.
make_guest() {
	add_group guest 1000
	add_user guest 1000 guest /home/guest /bin/sh
	sed -i 's/^guest:!:/guest:*:/' "$EMERGE_ROOT"/etc/shadow
	install -d -m 0700 -o 1000 -g 1000 "$EMERGE_ROOT"/home/guest "$EMERGE_ROOT"/home/guest/.ssh
	install -d -m 0755 "$EMERGE_ROOT"/etc/ssh/{keys,sshd_config.d} "$EMERGE_ROOT"/var/empty
}
