EAPI=8

DESCRIPTION="Filesystem skeleton with merged /usr, and the base files of /etc (gentoo-bb's own)"
HOMEPAGE="https://gitweb.gentoo.org/proj/baselayout.git/about/"
S="${WORKDIR}"

LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"

src_install() {
	insinto /etc
	newins - nsswitch.conf <<<$'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files'
	newins - hosts <<<$'127.0.0.1 localhost\n::1 localhost'
	newins - shells <<<$'/bin/sh'
	newins - profile <<<$'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\numask 022'
	newenvd - 50baselayout <<<$'LDPATH="/usr/lib64:/usr/lib"'

	# Not into /etc: users that other packages added there must outlive a reinstallation of this one.
	insinto /usr/share/baselayout
	newins - passwd <<<$'root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\ndaemon:x:2:2:daemon:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/var/empty:/sbin/nologin'
	newins - group <<<$'root:x:0:root\nbin:x:1:\ndaemon:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nmail:x:12:\nwheel:x:10:root\nusers:x:100:\nnobody:x:65533:\nnogroup:x:65534:'
	insopts -m 0600
	newins - shadow <<<$'root:*:0:::::::\nbin:!:0:::::::\ndaemon:!:0:::::::\nnobody:!:0:::::::'
}

# baselayout_link TARGET NAME: a link of the merged /usr, unless it is there.
baselayout_link() {
	[[ -L ${EROOT}${2} ]] && return
	[[ ! -e ${EROOT}${2} ]] || die "${EROOT}${2} is no link: merge baselayout before anything else, in an emerge of its own"
	ln -s "${1}" "${EROOT}${2}" || die
}

# Folders and links are made in ROOT itself and before the merge, as Gentoo's own baselayout does:
# Portage drops empty folders from an image, and would put a link aside where it finds a folder.
pkg_preinst() {
	local root="${EROOT}"
	[[ -n ${ROOT} ]] || return 0
	install -d "${root}"/usr/{bin,lib,lib64,share,local/{bin,lib,sbin}} "${root}"/etc/env.d \
		"${root}"/{dev,home,mnt,opt,proc,run,sys} "${root}"/var/{cache,empty,lib,log,spool} || die
	install -d -m 0700 "${root}"/root || die
	install -d -m 1777 "${root}"/tmp "${root}"/var/tmp || die
	baselayout_link usr/bin /bin
	baselayout_link usr/bin /sbin
	baselayout_link bin /usr/sbin
	baselayout_link usr/lib /lib
	baselayout_link usr/lib64 /lib64
	baselayout_link ../run /var/run
	baselayout_link ../run/lock /var/lock
}

pkg_postinst() {
	local file
	for file in passwd group shadow; do
		[[ -e ${EROOT}/etc/${file} ]] && continue
		cp -p "${EROOT}/usr/share/baselayout/${file}" "${EROOT}/etc/${file}" || die
	done
}
