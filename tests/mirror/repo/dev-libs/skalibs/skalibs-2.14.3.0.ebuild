EAPI=8

inherit debian-deb

DESCRIPTION="Libraries for skarnet.org software, repackaged from Debian's .debs"
HOMEPAGE="https://skarnet.org/software/skalibs/"
SRC_URI="mirror://gentoo/libskarnet-${PV}.deb mirror://gentoo/skalibs-dev-${PV}.deb"

LICENSE="ISC"
SLOT="0/$(ver_cut 1-2)"
KEYWORDS="amd64"
IUSE="static-libs"

src_install() {
	use static-libs || rm "${S}/usr/$(get_libdir)"/*.a || die
	debian-deb_src_install
}
