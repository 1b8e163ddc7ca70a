EAPI=8

DESCRIPTION="Virtual for the C library"
SLOT="0"
KEYWORDS="amd64"

RDEPEND="sys-libs/glibc:2.2"
