EAPI=8

inherit debian-deb

DESCRIPTION="Library for numbers of any size, repackaged from Debian's .deb"
HOMEPAGE="https://gmplib.org/"
SRC_URI="mirror://gentoo/libgmp-${PV}.deb"

LICENSE="|| ( LGPL-3+ GPL-2+ )"
SLOT="0/10.4"
KEYWORDS="amd64"
