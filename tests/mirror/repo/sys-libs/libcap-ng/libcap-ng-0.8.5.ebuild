EAPI=8

inherit debian-deb

DESCRIPTION="Library of POSIX capabilities, repackaged from Debian's .debs"
HOMEPAGE="https://people.redhat.com/sgrubb/libcap-ng/"
SRC_URI="mirror://gentoo/libcap-ng-${PV}.deb"

LICENSE="LGPL-2.1+"
SLOT="0"
KEYWORDS="amd64"
