EAPI=9

DESCRIPTION="Which media type a file has, by its name (gentoo-bb's own)"
HOMEPAGE="https://www.iana.org/assignments/media-types/"
S="${WORKDIR}"

LICENSE="public-domain"
SLOT="0"
KEYWORDS="amd64"
IUSE="nginx"

src_install() {
	insinto /etc
	doins "${FILESDIR}/mime.types"
	if use nginx; then
		insinto /etc/nginx
		nginx_types | newins - mime.types.nginx
		# EAPI 9's word for "each of them".
		pipestatus || die "no types for nginx"
	fi
}

# "TYPE NAME…" as one of nginx's lines.
nginx_types() {
	echo "types {"
	edo sed -E 's/\s+/ /g; s/.*/\t&;/' "${FILESDIR}/mime.types"
	echo "}"
}
