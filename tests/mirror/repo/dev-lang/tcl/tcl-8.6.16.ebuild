EAPI=8

inherit debian-deb

DESCRIPTION="Tool Command Language, repackaged from Debian's .debs"
HOMEPAGE="https://www.tcl.tk/"
SRC_URI="mirror://gentoo/tcl-${PV}.deb mirror://gentoo/libtcl-${PV}.deb"

LICENSE="BSD"
SLOT="0/8.6"
KEYWORDS="amd64"
IUSE="debug +threads"

RDEPEND="virtual/zlib:="

src_install() {
	debian-deb_src_install
	dosym tclsh8.6 /usr/bin/tclsh
}
