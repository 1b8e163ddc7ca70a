EAPI=8

inherit debian-deb

DESCRIPTION="Times of the world's places, repackaged from Debian's .deb"
HOMEPAGE="https://www.iana.org/time-zones"
SRC_URI="mirror://gentoo/tzdata-${PV}.deb"

LICENSE="public-domain"
SLOT="0"
KEYWORDS="amd64"
