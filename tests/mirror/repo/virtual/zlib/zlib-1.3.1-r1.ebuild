EAPI=8

DESCRIPTION="Virtual for zlib"
SLOT="0/1"
KEYWORDS="amd64"
IUSE="static-libs"

RDEPEND=">=sys-libs/zlib-1.3.1:=[static-libs(-)?]"
