EAPI=8

inherit acct-user

ACCT_USER_ID=70
ACCT_USER_GROUPS=( postgres )
ACCT_USER_HOME=/var/lib/postgresql
ACCT_USER_SHELL=/bin/sh

acct-user_add_deps
