# Builds a package once for each ABI that its flags name, in a folder of its own each. An ebuild has functions
# multilib_src_configure, multilib_src_compile, multilib_src_install, and multilib_src_install_all for what is
# installed once.

case ${EAPI} in
	8) ;;
	*) die "${ECLASS}: EAPI ${EAPI} not supported" ;;
esac

inherit toolchain-funcs

IUSE="abi_x86_32 abi_x86_64"
MULTILIB_USEDEP="abi_x86_32(-)?,abi_x86_64(-)?"

# The profile's own comes last: where two install a file of one name, it is that one's.
multilib_abis() {
	use abi_x86_32 && echo x86
	echo "${DEFAULT_ABI}"
}

# multilib_foreach_abi COMMAND…: each in a shell of its own, as a compiler for that ABI.
multilib_foreach_abi() {
	local abi
	for abi in $(multilib_abis); do
		( multilib_toolchain "${abi}"; multilib_in "${WORKDIR}/${P}-${abi}" "$@" ) || die "${*} failed for ${abi}"
	done
}

multilib_toolchain() {
	local cflags=CFLAGS_${1} ldflags=LDFLAGS_${1} chost=CHOST_${1}
	export ABI=${1} CC="${CHOST}-gcc ${!cflags}" LD="${CHOST}-ld ${!ldflags}"
	tc-export AR RANLIB
	[[ ${1} == "${DEFAULT_ABI}" ]] || export CHOST=${!chost}
}

multilib_in() {
	mkdir -p "${1}" || die
	cd "${1}" || die
	shift
	"$@"
}

multilib-minimal_src_configure() { multilib_foreach_abi multilib_src_configure; }
multilib-minimal_src_compile() { multilib_foreach_abi multilib_src_compile; }

multilib-minimal_src_install() {
	multilib_foreach_abi multilib_src_install
	cd "${S}" || die
	declare -f multilib_src_install_all >/dev/null || return 0
	multilib_src_install_all
}

multilib_src_compile() { emake; }
multilib_src_install() { emake DESTDIR="${D}" install; }

EXPORT_FUNCTIONS src_configure src_compile src_install
