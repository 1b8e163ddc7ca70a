#!/usr/bin/env sh
set -eo pipefail

# Do some tests and exit with either 0 for success or 1 for error
memcached -V | grep -q '^memcached ' || exit 1

exit 0
