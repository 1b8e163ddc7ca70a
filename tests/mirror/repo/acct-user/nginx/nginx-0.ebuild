EAPI=8

inherit acct-user

ACCT_USER_ID=82
ACCT_USER_GROUPS=( nginx )

acct-user_add_deps
