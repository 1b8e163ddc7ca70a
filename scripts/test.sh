#!/usr/bin/env bash
# All checks, in the order in which they fail soonest, and the time of each.
#
#   scripts/test.sh [ARGUMENT…]   arguments go to the test programs: a name selects tests
#
# The integration tests find the engine by DOCKER_HOST and the mirror by BB_MIRROR. An engine that this
# run started is stopped at the end.

# Backticks in messages are quotation marks.
# shellcheck disable=SC2016,SC2329 # clean_up is called by a trap, others by part
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

SCRATCH=$(mktemp -d)
PARTS=()
CURRENT='' BEGUN=0

clean_up() {
    local code=$?
    trap '' INT TERM
    engine_down
    if [[ -n $CURRENT ]]; then note FAILED; fi
    rm -rf -- "$SCRATCH"
    table
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

main() {
    part tools tools
    part fmt cargo fmt --all --check
    part lint scripts/lint.sh
    # What is compiled would be beside the builder's files.
    part bob env PYTHONPATH=bob/image python3 -B -m unittest discover --quiet --start-directory bob/tests
    part clippy cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
    part doc env RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet
    part mirror bash tests/mirror/build.sh "$MIRROR_DIR"
    part engine engine_up
    export BB_MIRROR=$MIRROR_DIR
    part static scripts/static.sh tests
    part compile cargo test --locked --no-run --quiet
    part tests cargo test --locked --no-fail-fast -- "$@"
}

# What the tests call themselves; mirror and engine see to their own.
tools() {
    need_rust fmt clippy
    need curl:curl xz:xz-utils make:make git:git bmake:bmake ninja:ninja-build tmux:tmux chromium:chromium
    need groff:groff-base fish:fish zsh:zsh umoci:umoci skopeo:skopeo zstd:zstd
    # A runlevel in which Debian starts no service: the tests start their own.
    RUNLEVEL=1 need /usr/sbin/nginx:nginx docker-registry:docker-registry \
        docker-compose:docker-compose /usr/sbin/sshd:openssh-server podman:podman runc:runc
    need ssh:openssh-client openssl:openssl socat:socat setpriv:util-linux unshare:util-linux /usr/sbin/ip:iproute2
    # A static bb: other C libraries, and what it asks for.
    need strace:strace readelf:binutils "/lib/ld-musl-$(uname -m).so.1:musl"
    # Boxes: a root of one file, and somebody to own them who is not root.
    need newuidmap:uidmap
    if [[ ! -x /bin/busybox ]] || ldd /bin/busybox >/dev/null 2>&1; then need :busybox-static; fi
    need_account bb-boxes
}

# part NAME COMMAND…: one row of the table. The first that fails ends the run.
part() {
    CURRENT=$1 BEGUN=${EPOCHREALTIME/[.,]/}
    printf '%s== %s%s\n' "$BOLD" "$CURRENT" "$PLAIN"
    shift
    "$@"
    note ok
}

note() {
    local ms=$(((${EPOCHREALTIME/[.,]/} - BEGUN) / 1000))
    PARTS+=("$CURRENT $ms $1")
    CURRENT=''
}

table() {
    local part name ms result total=0
    printf '\n%s%-10s %8s  %s%s\n' "$BOLD" PART TIME RESULT "$PLAIN"
    for part in "${PARTS[@]}"; do
        read -r name ms result <<<"$part"
        total=$((total + ms))
        printf '%-10s %8s  %s\n' "$name" "$(clock "$ms")" "$result"
    done
    printf '%-10s %8s\n' total "$(clock "$total")"
}

# clock MILLISECONDS: minutes:seconds.tenth
clock() { printf '%d:%02d.%d' $(($1 / 60000)) $(($1 / 1000 % 60)) $(($1 / 100 % 10)); }

main "$@"; exit
