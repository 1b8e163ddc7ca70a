EAPI=8

DESCRIPTION="Extended crypt library for descrypt, md5crypt, bcrypt, and others"
HOMEPAGE="https://github.com/besser82/libxcrypt"
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="LGPL-2.1+ public-domain BSD BSD-2"
SLOT="0/1"
KEYWORDS="amd64"
IUSE="static-libs"

src_prepare() {
	default
	autoreconf -fi || die
}

src_configure() {
	econf --disable-werror --disable-xcrypt-compat-files --enable-obsolete-api=glibc \
		$(use_enable static-libs static)
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
