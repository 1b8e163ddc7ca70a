EAPI=8

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
		# "TYPE NAME…" as one of nginx's lines.
		newins - mime.types.nginx < <(echo "types {"; sed -E 's/\s+/ /g; s/.*/\t&;/' "${FILESDIR}/mime.types"; echo "}")
	fi
}
