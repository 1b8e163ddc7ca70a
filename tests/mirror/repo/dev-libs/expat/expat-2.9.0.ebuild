EAPI=8

inherit debian-deb

DESCRIPTION="Stream-oriented XML parser library, repackaged from Debian's .debs"
HOMEPAGE="https://libexpat.github.io/"
SRC_URI="mirror://gentoo/libexpat-${PV}.deb mirror://gentoo/libexpat-dev-${PV}.deb"

LICENSE="MIT"
SLOT="0/1"
KEYWORDS="amd64"
IUSE="examples static-libs unicode"

src_install() {
	debian-deb_src_install
	rm -r "${ED}/usr/share/doc-base" || die
}
