EAPI=8

DESCRIPTION="Virtual for what reads tmpfiles.d"
SLOT="0"
KEYWORDS="amd64"

RDEPEND="sys-apps/systemd-utils[tmpfiles]"
