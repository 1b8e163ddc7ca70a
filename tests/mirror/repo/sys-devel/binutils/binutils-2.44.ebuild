EAPI=8

inherit debian-deb

DESCRIPTION="Assembler, linker, and tools for what they make, repackaged from Debian's .debs"
HOMEPAGE="https://sourceware.org/binutils/"
SRC_URI="
	mirror://gentoo/binutils-${PV}.deb
	mirror://gentoo/binutils-links-${PV}.deb
	mirror://gentoo/libbinutils-${PV}.deb
	mirror://gentoo/libctf-${PV}.deb
	mirror://gentoo/libctf-nobfd-${PV}.deb
	mirror://gentoo/libsframe-${PV}.deb
"

LICENSE="GPL-3+"
SLOT="${PV}"
KEYWORDS="amd64"
IUSE="gprofng nls"

RDEPEND="
	app-arch/zstd:=
	dev-libs/jansson:=
	virtual/zlib:=
"

# As in Gentoo, its programs are in a folder of their own, and links to them come when it is merged: another package may
# have a program of such a name (busybox has `strings`).
src_install() {
	local home="${S}/usr/${CHOST}/binutils-bin/${PV}" program
	# A profiler, which is in parts here.
	rm -r "${S}"/etc "${S}"/usr/share "${S}"/usr/lib "${S}"/usr/bin/gp-* "${S}"/usr/bin/*gprofng* || die
	mkdir -p "${home}" || die
	for program in "${S}"/usr/bin/x86_64-linux-gnu-*; do
		mv "${program}" "${home}/${program##*/x86_64-linux-gnu-}" || die
	done
	rm -r "${S}"/usr/bin || die
	ln -sfn ld.bfd "${home}/ld" || die
	debian-deb_src_install
}

pkg_postinst() {
	local program name
	for program in "${EROOT}/usr/${CHOST}/binutils-bin/${PV}"/*; do
		for name in "${program##*/}" "${CHOST}-${program##*/}"; do
			ln -sf "../${CHOST}/binutils-bin/${PV}/${program##*/}" "${EROOT}/usr/bin/${name}" || die
		done
	done
}
