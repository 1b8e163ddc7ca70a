EAPI=8

DESCRIPTION="High-performance, distributed memory object caching system"
HOMEPAGE="https://memcached.org/"
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="BSD"
SLOT="0"
KEYWORDS="amd64"
IUSE="debug seccomp ssl"

# Perl is for memcached-tool. The user is for who starts it, so an image names acct-user/memcached itself.
RDEPEND="
	>=dev-libs/libevent-1.4:=
	dev-lang/perl
	seccomp? ( sys-libs/libseccomp )
	ssl? ( dev-libs/openssl:= )
"
DEPEND="
	${RDEPEND}
	acct-user/memcached
"

src_configure() {
	econf --disable-docs --disable-werror $(use_enable seccomp) $(use_enable ssl tls)
}

src_install() {
	default
	dobin scripts/memcached-tool
	newconfd "${FILESDIR}/memcached.confd" memcached
	newinitd "${FILESDIR}/memcached.initd" memcached
}
