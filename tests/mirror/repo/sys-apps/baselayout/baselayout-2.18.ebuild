EAPI=8

DESCRIPTION="Filesystem skeleton with merged /usr, and the base files of /etc (gentoo-bb's own)"
HOMEPAGE="https://gitweb.gentoo.org/proj/baselayout.git/about/"
S="${WORKDIR}"

LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"

# Merge this into an empty ROOT before anything else, in an emerge of its own: where /bin is a folder
# already, Portage keeps that and puts the link aside as /bin.backup.0000.
src_install() {
	local dir
	for dir in usr/{bin,lib,lib64,share,local/{bin,lib,sbin}} etc/env.d home mnt opt proc sys dev run \
			var/{cache,empty,lib,log,spool}; do
		dodir "/${dir}"
	done
	dosym usr/bin /bin
	dosym usr/bin /sbin
	dosym bin /usr/sbin
	dosym usr/lib /lib
	dosym usr/lib64 /lib64
	dosym ../run /var/run
	dosym ../run/lock /var/lock
	diropts -m 0700 && dodir /root
	diropts -m 1777 && dodir /tmp /var/tmp

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

pkg_postinst() {
	local file
	for file in passwd group shadow; do
		[[ -e ${EROOT}/etc/${file} ]] && continue
		cp -p "${EROOT}/usr/share/baselayout/${file}" "${EROOT}/etc/${file}" || die
	done
}
