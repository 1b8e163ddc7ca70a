EAPI=8

inherit debian-deb

DESCRIPTION="Interface to the kernel's filter of system calls, repackaged from Debian's .debs"
HOMEPAGE="https://github.com/seccomp/libseccomp"
SRC_URI="mirror://gentoo/libseccomp-${PV}.deb mirror://gentoo/libseccomp-dev-${PV}.deb"

LICENSE="LGPL-2.1+"
SLOT="0"
KEYWORDS="amd64"
