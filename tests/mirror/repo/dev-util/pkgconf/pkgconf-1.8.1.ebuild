EAPI=8

DESCRIPTION="Compiler and linker flags of libraries: the stage3 has it, and no image needs it"
HOMEPAGE="https://github.com/pkgconf/pkgconf"
S="${WORKDIR}"

LICENSE="ISC"
SLOT="0"
KEYWORDS="amd64"

pkg_pretend() {
	[[ -z ${ROOT} ]] || die "this pkgconf is Debian's, in the stage3"
}
