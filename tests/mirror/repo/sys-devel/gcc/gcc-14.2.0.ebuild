EAPI=8

inherit debian-deb

DESCRIPTION="The GNU compilers of C and C++, repackaged from Debian's .debs"
HOMEPAGE="https://gcc.gnu.org/"
SRC_URI="
	mirror://gentoo/gcc-${PV}.deb
	mirror://gentoo/gcc-cpp-${PV}.deb
	mirror://gentoo/libatomic-${PV}.deb
	mirror://gentoo/libgcc-${PV}.deb
	mirror://gentoo/libgcc-dev-${PV}.deb
	mirror://gentoo/libstdcxx-${PV}.deb
	cxx? (
		mirror://gentoo/gcc-cxx-${PV}.deb
		mirror://gentoo/libstdcxx-dev-${PV}.deb
	)
"

LICENSE="GPL-3+ LGPL-3+ || ( GPL-3+ libgcc libstdc++ gcc-runtime-library-exception-3.1 ) FDL-1.3+"
SLOT="$(ver_cut 1)"
KEYWORDS="amd64"
# Of these Debian's compiler has all but the middle ones, for which there is nothing here.
IUSE="+cxx +fortran graphite lto nls +openmp +sanitize zstd"

RDEPEND="
	app-arch/zstd:=
	dev-libs/gmp:=
	dev-libs/isl:=
	dev-libs/mpc:=
	dev-libs/mpfr:=
	sys-libs/glibc-headers
	virtual/zlib:=
"

src_install() {
	local lib="${S}/usr/lib/gcc/x86_64-linux-gnu/${SLOT}" name
	# For sanitizers, OpenMP, transactions and numbers of Fortran; for debuggers.
	rm "${lib}"/lib{asan,hwasan,lsan,tsan,ubsan,gomp,itm,quadmath}.{a,so} "${lib}"/lib*_preinit.o \
		"${lib}"/lib{gomp,itm,sanitizer}.spec "${lib}"/libcc1.so || die
	rm -r "${lib}"/include/{sanitizer,omp.h,openacc.h,quadmath.h,quadmath_weak.h} "${lib}"/plugin "${S}"/usr/share || die
	rm "${S}"/usr/bin/*-lto-dump-* || die
	debian-deb_src_install
	for name in gcc cpp gcov gcov-dump gcov-tool gcc-ar gcc-nm gcc-ranlib $(usev cxx g++); do
		dosym "x86_64-linux-gnu-${name}-${SLOT}" "/usr/bin/${name}-${SLOT}"
		dosym "${name}-${SLOT}" "/usr/bin/${name}"
		dosym "${name}-${SLOT}" "/usr/bin/${CHOST}-${name}"
	done
	dosym gcc /usr/bin/cc
	use cxx && dosym g++ /usr/bin/c++
}
