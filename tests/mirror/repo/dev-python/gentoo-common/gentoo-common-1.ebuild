EAPI=8

DESCRIPTION="What Pythons of all slots have in common"
HOMEPAGE="https://packaging.python.org/en/latest/specifications/externally-managed-environments/"
S="${WORKDIR}"

LICENSE="public-domain"
SLOT="0"
KEYWORDS="amd64"

# Which tells pip that another manager of packages has been here.
src_install() {
	insinto /usr/lib/python
	newins - EXTERNALLY-MANAGED <<-END
		[externally-managed]
		Error=Packages come from Portage: make a virtual environment for others.
	END
}
