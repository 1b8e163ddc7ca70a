EAPI=8

DESCRIPTION="High-performance, distributed memory object caching system"
HOMEPAGE="https://memcached.org/"
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="BSD"
SLOT="0"
KEYWORDS="amd64"
IUSE="ssl"

RDEPEND="
	>=dev-libs/libevent-2.1:=
	ssl? ( dev-libs/openssl:= )
	acct-user/memcached
"
DEPEND="${RDEPEND}"

src_configure() {
	econf --disable-docs --disable-werror $(use_enable ssl tls)
}

src_install() {
	dobin memcached
}
