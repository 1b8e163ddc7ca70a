EAPI=8

DESCRIPTION="Which PHP is the one without a version in its name (gentoo-bb's own)"
HOMEPAGE="https://wiki.gentoo.org/wiki/PHP"
S="${WORKDIR}"

LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="apache2 fpm"

RDEPEND="
	app-admin/eselect
	fpm? ( virtual/tmpfiles )
"

# Something that a dock has to take out.
src_install() {
	insinto /usr/share/eselect/modules
	newins - php.eselect <<<'DESCRIPTION="Manage PHP installations"'
}
