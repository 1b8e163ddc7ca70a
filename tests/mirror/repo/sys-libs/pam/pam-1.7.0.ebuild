EAPI=8

inherit debian-deb

DESCRIPTION="Linux-PAM: the library, without its modules, repackaged from Debian's .debs"
HOMEPAGE="https://github.com/linux-pam/linux-pam"
SRC_URI="mirror://gentoo/libpam-${PV}.deb mirror://gentoo/libpam-dev-${PV}.deb"

LICENSE="BSD"
SLOT="0"
KEYWORDS="amd64"

RDEPEND="sys-process/audit"
