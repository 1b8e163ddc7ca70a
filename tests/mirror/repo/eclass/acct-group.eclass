# Makes a group in ROOT. Ebuilds set ACCT_GROUP_ID; the name is PN.

case ${EAPI} in
	8) ;;
	*) die "${ECLASS}: EAPI ${EAPI} not supported" ;;
esac

DESCRIPTION="System group: ${PN}"
S="${WORKDIR}"
LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"

# For who makes groups when a machine boots.
acct-group_src_install() {
	insinto /usr/lib/sysusers.d
	newins - "acct-group-${PN}.conf" < <(printf 'g\t%q\t%q\n' "${PN}" "${ACCT_GROUP_ID}")
}

# Text and not groupadd: that one would need a shadow suite which knows ROOT, and writes today's date.
acct-group_pkg_preinst() {
	local file="${EROOT}/etc/group"
	mkdir -p "${EROOT}/etc" || die
	grep -qs "^${PN}:" "${file}" && return
	echo "${PN}:x:${ACCT_GROUP_ID}:" >>"${file}" || die
}

EXPORT_FUNCTIONS src_install pkg_preinst
