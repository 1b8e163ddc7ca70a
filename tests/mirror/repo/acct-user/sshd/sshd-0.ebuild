EAPI=8

inherit acct-user

ACCT_USER_ID=22
ACCT_USER_HOME=/var/empty
ACCT_USER_GROUPS=( sshd )

acct-user_add_deps
