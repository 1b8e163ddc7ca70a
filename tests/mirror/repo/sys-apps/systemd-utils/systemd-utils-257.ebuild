EAPI=8

DESCRIPTION="Parts of systemd for who does without it: every stage3 has it, and no image needs it"
HOMEPAGE="https://systemd.io/"
S="${WORKDIR}"

LICENSE="LGPL-2.1+"
SLOT="0"
KEYWORDS="amd64"
IUSE="+tmpfiles"

pkg_pretend() {
	[[ -z ${ROOT} ]] || die "nothing reads tmpfiles.d when a container starts: bb does when it makes the image"
}
