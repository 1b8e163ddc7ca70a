EAPI=8

inherit acct-user

ACCT_USER_ID=441
ACCT_USER_GROUPS=( memcached )

acct-user_add_deps
