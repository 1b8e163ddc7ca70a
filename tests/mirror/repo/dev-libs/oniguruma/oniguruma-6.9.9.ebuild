EAPI=8

inherit debian-deb

DESCRIPTION="Regular expression library for different character encodings, repackaged from Debian's .debs"
HOMEPAGE="https://github.com/kkos/oniguruma"
SRC_URI="mirror://gentoo/libonig-${PV}.deb mirror://gentoo/libonig-dev-${PV}.deb"

LICENSE="BSD-2"
SLOT="0/5"
KEYWORDS="amd64"
IUSE="crnl-as-line-terminator static-libs"

src_install() {
	debian-deb_src_install
	rm -r "${ED}/usr/share/doc-base" || die
}
