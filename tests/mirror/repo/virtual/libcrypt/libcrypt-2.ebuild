EAPI=8

inherit multilib-minimal

DESCRIPTION="Virtual for libcrypt.so"
S="${WORKDIR}"

SLOT="0/2"
KEYWORDS="amd64"

RDEPEND="sys-libs/libxcrypt:=[${MULTILIB_USEDEP}]"

src_configure() { :; }
src_compile() { :; }
src_install() { :; }
