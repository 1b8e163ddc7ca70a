# Names of the tools that make a package, for CHOST and for CBUILD.

case ${EAPI} in
	8) ;;
	*) die "${ECLASS}: EAPI ${EAPI} not supported" ;;
esac

# tc-tool VARIABLE NAME: what VARIABLE says, else CHOST-NAME, else NAME.
tc-tool() {
	local name=${CHOST}-${2}
	type -P "${name}" >/dev/null || name=${2}
	export "${1}=${!1:-${name}}"
	echo "${!1}"
}

tc-getAR() { tc-tool AR ar; }
tc-getCC() { tc-tool CC gcc; }
tc-getCPP() { tc-tool CPP cpp; }
tc-getRANLIB() { tc-tool RANLIB ranlib; }

# tc-export VARIABLE…
tc-export() {
	local variable
	for variable; do
		"tc-get${variable}" >/dev/null || die "${FUNCNAME}: no ${variable}"
	done
}
