EAPI=8

inherit acct-user

ACCT_USER_ID=482
ACCT_USER_GROUPS=( mosquitto )

acct-user_add_deps
