EAPI=8

inherit debian-deb

DESCRIPTION="What the root zone's keys are known by, repackaged from Debian's .deb"
HOMEPAGE="https://www.iana.org/dnssec/"
SRC_URI="mirror://gentoo/dns-root-data-${PV}.deb"

LICENSE="public-domain"
SLOT="0"
KEYWORDS="amd64"

src_install() {
	insinto /etc/dnssec
	newins usr/share/dns/root.ds root-anchors.txt
}
