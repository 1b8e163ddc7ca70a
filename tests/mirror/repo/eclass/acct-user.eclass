# Makes a user in ROOT. Ebuilds set ACCT_USER_ID and ACCT_USER_GROUPS (the first is the primary one),
# then call acct-user_add_deps; the name is PN.

case ${EAPI} in
	8) ;;
	*) die "${ECLASS}: EAPI ${EAPI} not supported" ;;
esac

DESCRIPTION="System user: ${PN}"
S="${WORKDIR}"
LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"

: "${ACCT_USER_HOME:=/dev/null}"
: "${ACCT_USER_SHELL:=/sbin/nologin}"

acct-user_add_deps() {
	RDEPEND+=" ${ACCT_USER_GROUPS[*]/#/acct-group/}"
}

# For who makes accounts when a machine boots.
acct-user_src_install() {
	insinto /usr/lib/sysusers.d
	newins - "acct-user-${PN}.conf" < <(printf 'u\t%q\t%q\t%q\t%q\t%q\n' "${PN}" \
		"${ACCT_USER_ID}:${ACCT_USER_GROUPS[0]}" "System user; ${PN}" "${ACCT_USER_HOME}" "${ACCT_USER_SHELL}")
}

# Text and not useradd: that one writes today's date into shadow.
acct-user_pkg_preinst() {
	local etc="${EROOT}/etc" gid
	grep -qs "^${PN}:" "${etc}/passwd" && return
	gid=$(awk -F: -v name="${ACCT_USER_GROUPS[0]}" '$1 == name { print $3 }' "${etc}/group")
	[[ -n ${gid} ]] || die "no group ${ACCT_USER_GROUPS[0]} in ${etc}/group"
	echo "${PN}:x:${ACCT_USER_ID}:${gid}:${PN}:${ACCT_USER_HOME}:${ACCT_USER_SHELL}" >>"${etc}/passwd" || die
	( umask 077; echo "${PN}:!:0::::::" >>"${etc}/shadow" ) || die
}

EXPORT_FUNCTIONS src_install pkg_preinst
