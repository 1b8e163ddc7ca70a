#!/usr/bin/env bash
# Builds a folder shaped like a Gentoo mirror (stage3, snapshot, distfiles, all signed) out of what
# apt and pip serve on this machine. README.md beside this file says what is in it and how it is made.
#
#   build.sh [DEST]     DEST: default $BB_MIRROR, else ~/.cache/gentoo-bb/mirror
#   build.sh --check [COMMAND:PACKAGE…]
#                       makes nothing, sees only to what it needs, and to tools that the caller needs
#
# Four stages, each redone only when its own inputs changed. DEST holds what a mirror serves; what must
# not be served (the secret key, downloads, stamps) is in DEST.work beside it.
set -Eeuo pipefail
# What fails without a message of its own still says where.
trap 'printf "mirror: error: %s failed in %s\n" "${BASH_COMMAND%%$'"'\\n'"'*}" "${FUNCNAME[0]:-main}" >&2' ERR
export LC_ALL=C
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DEST=${1:-${BB_MIRROR:-${XDG_CACHE_HOME:-$HOME/.cache}/gentoo-bb/mirror}}
DEST=$(realpath -m -- "$DEST")
WORK=$DEST.work
# What the files below use.
# shellcheck disable=SC2034
STAMPS=$WORK/stamps
# shellcheck disable=SC2034
ARCH=amd64

for part in lib stages/vdb stages/stage3 stages/downloads stages/distfiles stages/snapshot; do
	# shellcheck source=/dev/null
	. "$HERE/$part.sh"
done

main() {
	if [ "${1:-}" = --check ]; then shift; check "$@"; exit; fi
	check
	be_root "$@"
	mkdir -p "$DEST" "$WORK"
	chmod 700 "$WORK"
	lock
	clean_leftovers
	signing_key
	# stage3 goes first: downloads takes the C library of exactly that stage.
	stage stage3    "$(stage3_key)"    stage3_build
	stage downloads "$(downloads_key)" downloads_build
	stage distfiles "$(distfiles_key)" distfiles_build
	stage snapshot  "$(snapshot_key)"  snapshot_build
	echo "mirror: $DEST ($(summary))"
}

check() {
	ensure_tools "$@"
	ensure_ids
}

# One line for the end: what the mirror offers, and what this run had to redo.
summary() {
	local latest
	latest=$(basename "$(readlink "$DEST/snapshots/gentoo-latest.tar.xz")" .tar.xz)
	printf '%s, %s, %s distfiles; ' "$(cat "$WORK/stage3.ts")" "$latest" "$(wc -l <"$WORK/distfiles.list")"
	if [ -n "$REDONE" ]; then printf 'made%s' "$REDONE"; else printf 'nothing to do'; fi
}

main "$@"
