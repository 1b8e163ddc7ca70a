EAPI=8

inherit debian-deb

DESCRIPTION="Library of zstd, a way to compress, repackaged from Debian's .debs"
HOMEPAGE="https://facebook.github.io/zstd/"
SRC_URI="mirror://gentoo/libzstd-${PV}.deb mirror://gentoo/libzstd-dev-${PV}.deb"

LICENSE="|| ( BSD GPL-2 )"
SLOT="0/1"
KEYWORDS="amd64"
