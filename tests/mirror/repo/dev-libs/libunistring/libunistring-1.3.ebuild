EAPI=8

inherit debian-deb

DESCRIPTION="Library of Unicode strings, repackaged from Debian's .deb"
HOMEPAGE="https://www.gnu.org/software/libunistring/"
SRC_URI="mirror://gentoo/libunistring-${PV}.deb"

LICENSE="LGPL-2.1+"
SLOT="0/5"
KEYWORDS="amd64"
