# The version in this file's name is a stand-in: tests/mirror/build.sh renames it to the version of the
# libc6 in the stage3 (2.41-12+deb13u5 is 2.41_p12_p5).
EAPI=8

inherit debian-deb

DESCRIPTION="GNU C library: the shared libraries of the stage's own libc6 .deb, repackaged"
HOMEPAGE="https://www.gnu.org/software/libc/"
SRC_URI="
	mirror://gentoo/libc6-${PV}.deb
	multilib? ( mirror://gentoo/libc6-i386-${PV}.deb )
"

LICENSE="LGPL-2.1+"
SLOT="2.2"
KEYWORDS="-* amd64"
IUSE="multilib vanilla"

RDEPEND=">=net-dns/libidn2-2.3.0"
PDEPEND="!vanilla? ( sys-libs/timezone-data )"

# On / it would put Debian's own /usr/lib/x86_64-linux-gnu out of the way. As in Gentoo few packages ask for it, by
# way of virtual/libc.
pkg_pretend() {
	[[ -n ${ROOT} || ${MERGE_TYPE} == buildonly ]] || die "this glibc is for an image's ROOT; the stage has its own"
}

src_install() {
	local lib="${S}/usr/$(get_libdir)"
	# Debugging aids: no image here needs them.
	rm -r "${lib}"/lib{memusage,pcprofile,c_malloc_debug,thread_db}.so* || die
	rm -r "${S}"/etc || die
	# The link of the .deb points to where the loader was before it was moved beside the link.
	[[ ! -L ${lib}/ld-linux-x86-64.so.2 ]] || die "the loader was overwritten by a link to itself"
	if use multilib; then
		# Where Gentoo has them: usr/lib is that of the other ABI. What is not of that ABI is a link into usr/lib64.
		rm -f "${S}"/usr/lib/ld-linux.so.2 || die
		debian-deb_fold usr/lib32 usr/lib
	fi
	debian-deb_src_install
	# Debian has it in another .deb, of which the stage is made too.
	exeinto /usr/bin
	doexe "$(type -P ldconfig)"
	# The loader looks there, and so do programs linked on Debian; no ld.so.cache is needed.
	dosym ../"$(get_libdir)" /usr/lib/x86_64-linux-gnu
}
