EAPI=8

DESCRIPTION="A validating, recursive and caching DNS resolver"
HOMEPAGE="https://unbound.net/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="BSD GPL-2"
SLOT="0/8"
KEYWORDS="amd64"
IUSE="debug dnscrypt dnstap +ecdsa ecs gost +http2 python redis selinux static-libs systemd +tfo"

# Not all of these are in this repository: who wants such a flag does without it here.
DEPEND="
	acct-group/unbound
	acct-user/unbound
	dev-libs/expat
	dev-libs/libevent:0=
	dev-libs/openssl:0=
	dnscrypt? ( dev-libs/libsodium:= )
	dnstap? ( dev-libs/fstrm dev-libs/protobuf-c:= )
	http2? ( net-libs/nghttp2:= )
	python? ( dev-lang/python )
	redis? ( dev-libs/hiredis:= )
	systemd? ( sys-apps/systemd )
"
RDEPEND="
	${DEPEND}
	net-dns/dnssec-root
	selinux? ( sec-policy/selinux-bind )
"
BDEPEND="
	virtual/pkgconfig
	python? ( dev-lang/swig )
"

src_configure() {
	local args=(
		--disable-flto
		--disable-rpath
		--enable-event-api
		--enable-ipsecmod
		--with-libevent="${ESYSROOT}/usr"
		--with-libexpat="${ESYSROOT}/usr"
		--with-ssl="${ESYSROOT}/usr"
		--with-pidfile=/run/unbound.pid
		--with-rootkey-file=/etc/dnssec/root-anchors.txt
		$(use_enable debug)
		$(use_enable dnscrypt)
		$(use_enable dnstap)
		$(use_enable ecdsa)
		$(use_enable ecs subnet)
		$(use_enable gost)
		$(use_enable redis cachedb)
		$(use_enable static-libs static)
		$(use_enable systemd)
		$(use_enable tfo tfo-client)
		$(use_enable tfo tfo-server)
		$(use_with http2 libnghttp2)
		$(use_with python pythonmodule)
		$(use_with python pyunbound)
	)
	econf "${args[@]}"
}

src_install() {
	emake DESTDIR="${D}" install
	find "${ED}" -name '*.la' -delete || die
	newinitd "${FILESDIR}/unbound.initd" unbound
	exeinto /usr/share/unbound
	doexe contrib/{update-anchor.sh,unbound_cache.sh}
	diropts -m 0770 -o root -g unbound
	keepdir /etc/unbound/var /var/lib/unbound
}
