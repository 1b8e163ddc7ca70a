EAPI=8

inherit toolchain-funcs

MY_P="${P/_}"
DESCRIPTION="Port of OpenBSD's free SSH release"
HOMEPAGE="https://www.openssh.com/"
SRC_URI="mirror://gentoo/${P}.tar.gz"
S="${WORKDIR}/${MY_P}"

LICENSE="BSD GPL-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="audit debug kerberos ldns libedit livecd pam security-key selinux +ssl static"
REQUIRED_USE="
	ldns? ( ssl )
	static? ( !kerberos !pam )
"

DEPEND="
	acct-group/sshd
	acct-user/sshd
	virtual/libcrypt:=
	virtual/zlib:=
	audit? ( sys-process/audit )
	kerberos? ( virtual/krb5 )
	ldns? ( net-libs/ldns )
	libedit? ( dev-libs/libedit:= )
	pam? ( sys-libs/pam )
	security-key? ( dev-libs/libfido2:= )
	selinux? ( sys-libs/libselinux )
	ssl? ( dev-libs/openssl:= )
"
# The one with useradd and passwd.
RDEPEND="
	${DEPEND}
	pam? ( sys-auth/pambase )
	sys-apps/shadow
"
BDEPEND="virtual/pkgconfig"

# Where others may put settings, as Gentoo has it.
src_prepare() {
	default
	sed -i -e '1i Include "/etc/ssh/sshd_config.d/*.conf"' -e '/^AuthorizedKeysFile/s:^:#:' -e '/^Subsystem/d' sshd_config || die
	sed -i '1i Include "/etc/ssh/ssh_config.d/*.conf"' ssh_config || die
}

src_configure() {
	local args=(
		--disable-strip
		--sysconfdir=/etc/ssh
		--libexecdir="/usr/$(get_libdir)/misc"
		--datadir=/usr/share/openssh
		--with-pid-dir=/run
		--with-privsep-path=/var/empty
		--with-privsep-user=sshd
		--without-hardening
		$(use_with audit audit linux)
		$(use_with kerberos kerberos5)
		$(use_with ldns)
		$(use_with libedit)
		$(use_with pam)
		$(use_with security-key security-key-builtin)
		$(use_with selinux)
		$(use_with ssl openssl)
	)
	use static && export LDFLAGS="${LDFLAGS} -static"
	tc-export AR CC RANLIB
	econf "${args[@]}"
}

src_install() {
	emake install-nokeys DESTDIR="${D}"
	fperms 600 /etc/ssh/sshd_config
	dobin contrib/ssh-copy-id
	newinitd "${FILESDIR}/sshd.initd" sshd
	insinto /etc/ssh/sshd_config.d
	newins - 9999999gentoo-subsystem.conf <<<"Subsystem sftp /usr/$(get_libdir)/misc/sftp-server"
	rmdir "${ED}/var/empty" || die
}
