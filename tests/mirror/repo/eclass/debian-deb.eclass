# An ebuild that repackages .debs says so in DESCRIPTION and inherits this.
# Upstream's source is not to be had from the registry for these (see tests/mirror/README.md).

case ${EAPI} in
	8) ;;
	*) die "${ECLASS}: EAPI ${EAPI} not supported" ;;
esac

S="${WORKDIR}/deb"
# Stripped by Debian already; with debug links that would dangle otherwise.
RESTRICT="strip"

# Unpacks every .deb of SRC_URI into S, Debian's multiarch folders folded into Gentoo's.
debian-deb_src_unpack() {
	local deb
	mkdir -p "${S}" || die
	cd "${S}" || die
	for deb in ${A}; do
		ar p "${DISTDIR}/${deb}" data.tar.xz | tar -xJ || die "cannot unpack ${deb}"
	done
	rm -rf usr/share/doc usr/share/lintian || die
	debian-deb_fold "usr/lib/x86_64-linux-gnu" "usr/$(get_libdir)"
	debian-deb_fold "usr/include/x86_64-linux-gnu" "usr/include"
}

# debian-deb_fold FROM TO: what is in FROM goes to TO, FROM goes away.
debian-deb_fold() {
	[[ -d ${1} ]] || return 0
	mkdir -p "${2}" || die
	# Links from there to here would be left pointing at themselves.
	find "${2}" -lname "*${1#usr/lib/}/*" -delete || die
	cp -a "${1}/." "${2}/" || die
	rm -r "${1}" || die
}

debian-deb_src_install() {
	cp -a "${S}/." "${ED}/" || die
}

EXPORT_FUNCTIONS src_unpack src_install
