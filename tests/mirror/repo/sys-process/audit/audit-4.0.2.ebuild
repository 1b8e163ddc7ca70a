EAPI=8

inherit debian-deb

DESCRIPTION="Userspace of the kernel's audit: its library, repackaged from Debian's .debs"
HOMEPAGE="https://people.redhat.com/sgrubb/audit/"
SRC_URI="mirror://gentoo/libaudit-${PV}.deb"

LICENSE="LGPL-2.1+"
SLOT="0"
KEYWORDS="amd64"

RDEPEND="sys-libs/libcap-ng"
