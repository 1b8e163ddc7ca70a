EAPI=8

inherit multilib-minimal

DESCRIPTION="Extended crypt library for descrypt, md5crypt, bcrypt, and others"
HOMEPAGE="https://github.com/besser82/libxcrypt"
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="LGPL-2.1+ public-domain BSD BSD-2"
SLOT="0/1"
KEYWORDS="amd64"
IUSE+=" +compat static-libs"

src_prepare() {
	default
	autoreconf -fi || die
}

multilib_src_configure() {
	ECONF_SOURCE="${S}" econf --disable-werror --disable-xcrypt-compat-files \
		--enable-obsolete-api=$(usex compat glibc no) $(use_enable static-libs static)
}

multilib_src_install_all() {
	find "${ED}" -name '*.la' -delete || die
}
