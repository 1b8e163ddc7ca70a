EAPI=8

inherit acct-user

ACCT_USER_ID=275
ACCT_USER_GROUPS=( dnsmasq )

acct-user_add_deps
