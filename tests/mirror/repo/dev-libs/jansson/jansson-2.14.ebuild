EAPI=8

inherit debian-deb

DESCRIPTION="Library for JSON, repackaged from Debian's .deb"
HOMEPAGE="https://www.digip.org/jansson/"
SRC_URI="mirror://gentoo/libjansson-${PV}.deb"

LICENSE="MIT"
SLOT="0/4"
KEYWORDS="amd64"
