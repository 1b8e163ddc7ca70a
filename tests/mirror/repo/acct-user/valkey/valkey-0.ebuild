EAPI=8

inherit acct-user

ACCT_USER_ID=559
ACCT_USER_GROUPS=( valkey )

acct-user_add_deps
