# Files of tmpfiles.d, which are for who boots: nothing here is done to another ROOT than the running system's.

case ${EAPI} in
	8) ;;
	*) die "${ECLASS}: EAPI ${EAPI} not supported" ;;
esac

[[ -n ${TMPFILES_OPTIONAL} ]] || RDEPEND="virtual/tmpfiles"

# newtmpfiles FILE NAME
newtmpfiles() {
	[[ ${2} == *.conf ]] || die "${FUNCNAME}: ${2} does not end with .conf"
	( insinto /usr/lib/tmpfiles.d; newins "${1}" "${2}" )
}

# tmpfiles_process NAME…: in pkg_postinst.
tmpfiles_process() {
	[[ ${EBUILD_PHASE} == postinst ]] || die "${FUNCNAME} is for pkg_postinst"
	if [[ -n ${ROOT} ]]; then
		ewarn "what is in tmpfiles.d is not made in another ROOT"
		return
	fi
	type -P systemd-tmpfiles >/dev/null || return 0
	systemd-tmpfiles --create "$@" || ewarn "systemd-tmpfiles failed"
}
