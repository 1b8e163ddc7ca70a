EAPI=8

inherit acct-user

ACCT_USER_ID=188
ACCT_USER_GROUPS=( haproxy )

acct-user_add_deps
