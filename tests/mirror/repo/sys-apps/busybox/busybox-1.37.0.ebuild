EAPI=8

inherit toolchain-funcs

DESCRIPTION="Utilities for rescue and embedded systems: one binary, many commands"
HOMEPAGE="https://busybox.net/"
SRC_URI="mirror://gentoo/${P}.tar.bz2"

LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="debug livecd make-symlinks math mdev pam static syslog"
REQUIRED_USE="pam? ( !static )"

RDEPEND="
	!static? ( virtual/libc )
	pam? ( sys-libs/pam )
"
DEPEND="${RDEPEND}
	sys-kernel/linux-headers"
BDEPEND="virtual/pkgconfig"

# busybox_option NAME VALUE: sets one line of .config, whatever it was.
busybox_option() {
	sed -i -e "/CONFIG_${1}[ =]/d" .config || die
	if [[ ${2} == n ]]; then
		echo "# CONFIG_${1} is not set" >>.config || die
	else
		echo "CONFIG_${1}=${2}" >>.config || die
	fi
}

busybox_make() {
	emake CC="$(tc-getCC)" AR="$(tc-getAR)" STRIP=true SKIP_STRIP=y V=1 "$@"
}

src_configure() {
	busybox_make defconfig
	busybox_option EXTRA_CFLAGS "\"${CFLAGS}\""
	busybox_option EXTRA_LDFLAGS "\"${LDFLAGS}\""
	busybox_option STATIC "$(usex static y n)"
	busybox_option PAM "$(usex pam y n)"
	busybox_option FEATURE_AWK_LIBM "$(usex math y n)"
	busybox_option DEBUG "$(usex debug y n)"
	# Needs kernel headers older than 6.8.
	busybox_option TC n
	busybox_option LINUXRC n
	# A container has no need of them, and each brings suid or files of its own.
	busybox_option FEATURE_SUID n
	yes "" | make oldconfig >/dev/null || die
}

src_compile() {
	busybox_make busybox
	busybox_make busybox.links
}

src_install() {
	into /
	dobin busybox
	newconfd "${FILESDIR}/syslogd.confd" busybox-syslogd
	newinitd "${FILESDIR}/syslogd.initd" busybox-syslogd
	if use make-symlinks; then
		# Records of every link are Portage's: with the flag off again they go away again.
		sh applets/install.sh "${ED}" --symlinks || die
	fi
}

pkg_preinst() {
	if use make-symlinks && [[ -z ${ROOT} ]]; then
		die "USE=make-symlinks on / would replace the system's own commands"
	fi
}
