EAPI=8

inherit toolchain-funcs

DESCRIPTION="Small forwarding DNS server"
HOMEPAGE="https://thekelleys.org.uk/dnsmasq/doc.html"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="|| ( GPL-2 GPL-3 )"
SLOT="0"
KEYWORDS="amd64"
IUSE="auth-dns conntrack dbus +dhcp dhcp-tools dnssec +dumpfile id idn libidn2 +loop +inotify ipv6 lua nettlehash nls
	script selinux static tftp"
REQUIRED_USE="
	dhcp-tools? ( dhcp )
	dnssec? ( !nettlehash )
	libidn2? ( idn )
	lua? ( script )
"

# Not all of these are in this repository: who wants such a flag does without it here.
RDEPEND="
	acct-group/dnsmasq
	acct-user/dnsmasq
	conntrack? ( net-libs/libnetfilter_conntrack:= )
	dbus? ( sys-apps/dbus:= )
	dnssec? ( dev-libs/nettle:=[gmp] )
	idn? (
		!libidn2? ( net-dns/libidn:0= )
		libidn2? ( net-dns/libidn2:= )
	)
	lua? ( dev-lang/lua:= )
	nettlehash? ( dev-libs/nettle:=[gmp] )
	nls? ( sys-devel/gettext )
"
DEPEND="${RDEPEND}"
BDEPEND="virtual/pkgconfig"

# What upstream has on is taken out by NO_…, what it has off is asked for by HAVE_….
dnsmasq_options() {
	local flag
	for flag in auth:auth-dns dhcp dhcp6:dhcp dumpfile id inotify loop script tftp; do
		use "${flag#*:}" || echo "-DNO_${flag%:*}"
	done
	for flag in conntrack dbus dnssec libidn2 luascript:lua nettlehash; do
		usev "${flag#*:}" "-DHAVE_${flag%:*}"
	done
	use libidn2 || usev idn -DHAVE_idn
	use ipv6 || echo -DNO_dhcp6
}

dnsmasq_make() {
	local options=$(dnsmasq_options)
	emake PREFIX=/usr CC="$(tc-getCC)" CFLAGS="${CFLAGS}" LDFLAGS="${LDFLAGS}" COPTS="$(echo ${options^^})" "$@"
}

src_compile() {
	dnsmasq_make "all$(usev nls -i18n)"
}

src_install() {
	dnsmasq_make DESTDIR="${D}" "install$(usev nls -i18n)"
	insinto /etc
	newins dnsmasq.conf.example dnsmasq.conf
	insinto /usr/share/dnsmasq
	doins trust-anchors.conf
	newinitd "${FILESDIR}/dnsmasq.initd" dnsmasq
	use dhcp && keepdir /var/lib/misc
}
