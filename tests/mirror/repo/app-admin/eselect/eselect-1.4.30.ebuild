EAPI=8

DESCRIPTION="Gentoo's multi-purpose configuration and management tool (of which there is nothing here)"
HOMEPAGE="https://wiki.gentoo.org/wiki/Project:Eselect"
S="${WORKDIR}"

LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"
