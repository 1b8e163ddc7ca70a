EAPI=8

DESCRIPTION="Its source is for those only who ask for it"
SRC_URI="https://counter.example/get?file=7%20a -> ${P}.txt"
S="${WORKDIR}"
SLOT="0"
KEYWORDS="amd64"
RESTRICT="fetch"

pkg_nofetch() {
	einfo "Ask for it at the counter."
}

src_unpack() { :; }

src_install() {
	insinto /usr/share
	doins "${DISTDIR}/${P}.txt"
}
