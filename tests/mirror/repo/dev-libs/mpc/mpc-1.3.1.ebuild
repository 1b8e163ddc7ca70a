EAPI=8

inherit debian-deb

DESCRIPTION="Library for complex numbers of any precision, repackaged from Debian's .deb"
HOMEPAGE="https://www.multiprecision.org/mpc/"
SRC_URI="mirror://gentoo/libmpc-${PV}.deb"

LICENSE="LGPL-3+ FDL-1.3+"
SLOT="0/3"
KEYWORDS="amd64"

RDEPEND="
	dev-libs/gmp:=
	dev-libs/mpfr:=
"
