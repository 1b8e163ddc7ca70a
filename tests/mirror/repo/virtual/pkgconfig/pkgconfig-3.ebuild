EAPI=8

DESCRIPTION="Virtual for pkg-config"
SLOT="0"
KEYWORDS="amd64"

RDEPEND="dev-util/pkgconf"
