EAPI=8

inherit debian-deb

# Gentoo's sys-libs/glibc has all of it. Here it is apart, so that no other image's C library changes with it.
DESCRIPTION="What a compiler needs of the GNU C library, repackaged from Debian's .debs (gentoo-bb's own)"
HOMEPAGE="https://www.gnu.org/software/libc/"
SRC_URI="mirror://gentoo/libc6-dev-${PV}.deb"

LICENSE="LGPL-2.1+"
SLOT="0"
KEYWORDS="amd64"

src_install() {
	# Of gdb, and of ltrace's kind.
	rm -r "${S}"/usr/share/gdb "${S}/usr/$(get_libdir)"/audit || die
	debian-deb_src_install
}
