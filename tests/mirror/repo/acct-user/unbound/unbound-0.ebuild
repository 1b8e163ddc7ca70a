EAPI=8

inherit acct-user

ACCT_USER_ID=391
ACCT_USER_HOME=/etc/unbound
ACCT_USER_GROUPS=( unbound )

acct-user_add_deps
