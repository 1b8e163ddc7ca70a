# A profile of a merged /usr is not for a system that has folders where those links are.
if [[ ${EBUILD_PHASE} == setup && -e ${EROOT%/}/bin && ! -L ${EROOT%/}/bin ]]; then
	eerror "${EROOT%/}/bin is a folder, and the profile is one of a merged /usr"
	die "see https://wiki.gentoo.org/wiki/Merge-usr"
fi
