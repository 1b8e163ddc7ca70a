EAPI=8

DESCRIPTION="A non-interactive scripting language, in small programs that exec one another"
HOMEPAGE="https://skarnet.org/software/execline/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="ISC"
SLOT="0/$(ver_cut 1-2)"
KEYWORDS="amd64"
IUSE="static-libs"

RDEPEND=">=dev-libs/skalibs-2.14.3:="
DEPEND="${RDEPEND}"

# Not autoconf: it takes no option it does not know, so econf will not do.
src_configure() {
	local args=(
		--prefix=/usr
		--bindir=/usr/bin
		--dynlibdir="/usr/$(get_libdir)"
		--libdir="/usr/$(get_libdir)/execline"
		--with-sysdeps="${ESYSROOT}/usr/$(get_libdir)/skalibs/sysdeps"
		--with-include="${ESYSROOT}/usr/include"
		--with-dynlib="${ESYSROOT}/usr/$(get_libdir)"
		--with-lib="${ESYSROOT}/usr/$(get_libdir)"
		--enable-shared
		--disable-allstatic
		$(use_enable static-libs static)
	)
	CC="${CHOST}-gcc" ./configure "${args[@]}" || die
}

src_compile() {
	emake CC="${CHOST}-gcc" AR="${CHOST}-ar" RANLIB="${CHOST}-ranlib"
}
