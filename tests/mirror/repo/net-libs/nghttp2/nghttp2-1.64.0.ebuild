EAPI=8

DESCRIPTION="HTTP/2 C Library"
HOMEPAGE="https://nghttp2.org/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="MIT"
SLOT="0/1.14"
KEYWORDS="amd64"
IUSE="debug hpack-tools systemd utils xml"
# Its programs are in C++ and want libraries that are not in this repository.
REQUIRED_USE="!hpack-tools !systemd !utils !xml"

BDEPEND="virtual/pkgconfig"

# The tarball is that of the repository.
src_prepare() {
	default
	autoreconf -fi || die
}

src_configure() {
	econf --enable-lib-only --disable-static $(use_enable debug)
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
