EAPI=8

DESCRIPTION="Portable, high level programming interface to various calling conventions"
HOMEPAGE="https://sourceware.org/libffi/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="MIT"
SLOT="0/8"
KEYWORDS="amd64"
IUSE="debug +exec-static-trampoline pax-kernel static-libs"

src_prepare() {
	default
	autoreconf -fi || die
}

src_configure() {
	local args=(
		--disable-builddir
		--disable-docs
		--disable-multi-os-directory
		$(use_enable debug)
		$(use_enable exec-static-trampoline)
		$(use_enable pax-kernel pax_emutramp)
		$(use_enable static-libs static)
	)
	econf "${args[@]}"
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
