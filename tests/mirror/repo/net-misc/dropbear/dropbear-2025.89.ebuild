EAPI=8

DESCRIPTION="Small SSH 2 client/server designed for small memory environments"
HOMEPAGE="https://matt.ucc.asn.au/dropbear/dropbear.html"
SRC_URI="mirror://gentoo/${P}.tar.bz2"

LICENSE="MIT GPL-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="bsdpty legacy-ciphers minimal multicall pam +shadow static +syslog zlib"
REQUIRED_USE="pam? ( !static )"

RDEPEND="
	acct-group/sshd
	acct-user/sshd
	virtual/libcrypt:=
	!static? (
		>=dev-libs/libtomcrypt-1.18.2[libtommath]
		>=dev-libs/libtommath-1.2.0
	)
	pam? ( sys-libs/pam sys-auth/pambase )
	zlib? ( virtual/zlib:= )
"
DEPEND="${RDEPEND}"

# Sets progs: what is compiled, and to be called by these names.
dropbear_programs() {
	progs=( dropbear dbclient dropbearkey )
	use minimal || progs+=( dropbearconvert scp )
}

src_prepare() {
	default
	sed -e '/SFTPSERVER_PATH/s:".*":"/usr/lib/misc/sftp-server":' \
		-e "/DROPBEAR_DSS/s:0:$(usex legacy-ciphers 1 0):" src/default_options.h >localoptions.h || die
}

src_configure() {
	econf \
		--disable-harden \
		$(use_enable !bsdpty openpty) \
		$(use_enable pam) \
		$(use_enable shadow) \
		$(use_enable static) \
		$(use_enable static bundled-libtom) \
		$(use_enable syslog) \
		$(use_enable zlib)
}

src_compile() {
	local progs
	dropbear_programs
	emake MULTI=$(usex multicall 1 0) PROGRAMS="${progs[*]}"
}

src_install() {
	local progs name
	dropbear_programs
	emake MULTI=$(usex multicall 1 0) PROGRAMS="${progs[*]}" DESTDIR="${D}" install
	newinitd "${FILESDIR}/dropbear.initd" dropbear
	if use multicall; then
		rm -f "${ED}"/usr/{bin,sbin}/dropbear || die
		for name in "${progs[@]:1}"; do
			dosym dropbearmulti "/usr/bin/${name}"
		done
		dosym ../bin/dropbearmulti /usr/sbin/dropbear
	fi
	# OpenSSH's is called scp.
	use minimal || mv "${ED}"/usr/bin/{,db}scp || die
}
