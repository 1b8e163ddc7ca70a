EAPI=8

inherit debian-deb

DESCRIPTION="Larry Wall's Practical Extraction and Report Language: what Debian takes for its base, repackaged from Debian's .debs"
HOMEPAGE="https://www.perl.org/"
SRC_URI="mirror://gentoo/perl-base-${PV}.deb"

LICENSE="Artistic"
SLOT="0/5.40"
KEYWORDS="amd64"

RDEPEND="virtual/libcrypt:="
