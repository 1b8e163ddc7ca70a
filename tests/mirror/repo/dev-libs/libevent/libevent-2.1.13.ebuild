EAPI=8

MY_P="${P}-stable"
DESCRIPTION="Library to execute a function when an event occurs on a file descriptor"
HOMEPAGE="https://libevent.org/"
SRC_URI="mirror://gentoo/${MY_P}.tar.gz"
S="${WORKDIR}/${MY_P}"

LICENSE="BSD"
SLOT="0/2.1-7"
KEYWORDS="amd64"
IUSE="+ssl static-libs"

RDEPEND="ssl? ( dev-libs/openssl:= )"
DEPEND="${RDEPEND}"
BDEPEND="virtual/pkgconfig"

src_configure() {
	econf --disable-samples --disable-libevent-regress $(use_enable ssl openssl) $(use_enable static-libs static)
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
	# A Python script, which would ask for Python in the image.
	rm "${ED}/usr/bin/event_rpcgen.py" || die
}
