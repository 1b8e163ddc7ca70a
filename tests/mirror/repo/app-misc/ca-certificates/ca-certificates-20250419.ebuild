EAPI=8

inherit debian-deb

DESCRIPTION="Certificates of well-known authorities, repackaged from Debian's .debs"
HOMEPAGE="https://salsa.debian.org/debian/ca-certificates"
SRC_URI="mirror://gentoo/ca-certificates-${PV}.deb"

LICENSE="MPL-2.0"
SLOT="0"
KEYWORDS="amd64"

# What update-ca-certificates would do where it can run.
src_install() {
	rm -r "${S}"/usr/sbin "${S}"/etc || die
	debian-deb_src_install
	find "${S}/usr/share/ca-certificates" -name '*.crt' -print0 | sort -z | xargs -0 cat >"${T}/all.crt" || die
	insinto /etc/ssl/certs
	newins "${T}/all.crt" ca-certificates.crt
}
