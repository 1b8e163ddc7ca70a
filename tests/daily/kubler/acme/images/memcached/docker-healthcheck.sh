#!/usr/bin/env sh
set -eo pipefail

echo stats | nc -w 2 127.0.0.1 11211 | grep -q 'STAT pid'
