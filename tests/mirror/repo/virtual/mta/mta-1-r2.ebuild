EAPI=8

DESCRIPTION="Virtual for what sends mail"
SLOT="0"
KEYWORDS="amd64"

# Of those that there are, this repository has none: who wants mail to be sent does without it here.
RDEPEND="|| ( mail-mta/nullmailer mail-mta/msmtp[mta] )"
