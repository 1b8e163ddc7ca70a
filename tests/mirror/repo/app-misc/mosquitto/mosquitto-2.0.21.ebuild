EAPI=8

inherit toolchain-funcs

DESCRIPTION="An Open Source MQTT broker"
HOMEPAGE="https://mosquitto.org/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="EPL-1.0"
SLOT="0"
KEYWORDS="amd64"
IUSE="+bridge +persistence +srv ssl"

RDEPEND="
	acct-user/mosquitto
	acct-group/mosquitto
	dev-libs/cJSON
	srv? ( net-dns/c-ares:= )
	ssl? ( dev-libs/openssl:= )
"
DEPEND="${RDEPEND}"

# Not all that upstream has: its library for C++ wants a compiler that the stage3 has not.
PARTS=( lib apps/db_dump apps/mosquitto_ctrl apps/mosquitto_passwd client plugins/dynamic-security src )

mosquitto_make() {
	local part libdir=$(get_libdir)
	for part in "${PARTS[@]}"; do
		emake -C "${part}" CC="$(tc-getCC)" CLIENT_LDFLAGS="${LDFLAGS}" prefix=/usr LIB_SUFFIX="${libdir#lib}" \
			WITH_BRIDGE="$(usex bridge)" WITH_PERSISTENCE="$(usex persistence)" WITH_SRV="$(usex srv)" WITH_TLS="$(usex ssl)" "$@"
	done
}

src_prepare() {
	default
	sed -i '/$(MAKE) -C cpp/d' lib/Makefile || die
}

src_compile() { mosquitto_make; }

src_install() {
	mosquitto_make DESTDIR="${D}" install
	insinto /etc/mosquitto
	doins mosquitto.conf {aclfile,pskfile,pwfile}.example
	newinitd "${FILESDIR}/mosquitto.initd" mosquitto
	keepdir /var/lib/mosquitto
	fowners mosquitto:mosquitto /var/lib/mosquitto
}
