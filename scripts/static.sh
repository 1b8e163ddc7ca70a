#!/usr/bin/env bash
# A `bb` that needs nothing of the system it runs on but Linux: compiled with the C library in it, and checked.
#
#   scripts/static.sh          target/static/bb, optimised
#   scripts/static.sh tests    target/static/tests/bb, what the tests take: compiled in less time
#
# For the gnu target of this machine. Cargo's files are in a folder of their own, target/static, for every crate
# is compiled with other flags.

# Backticks in messages are quotation marks.
# shellcheck disable=SC2016
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

FOLDER=${CARGO_TARGET_DIR:-target}/static

main() {
    need_rust
    local triple
    triple=$(rustc -vV | sed -n 's/^host: //p')
    [[ $triple == *-linux-gnu* ]] ||
        die 1 "this toolchain makes programs for \`$triple\`" 'one for `x86_64-unknown-linux-gnu` or `aarch64-unknown-linux-gnu` is needed'
    [[ $(cc -print-file-name=libc.a) == /* ]] ||
        die 1 'there is no static C library' '`libc6-dev` has it on Debian, `glibc-static` on Fedora'
    case ${1:-} in
        '') compile "$triple" release "$FOLDER/bb" --release ;;
        # Nobody looks into it with a debugger, and the tests wait for other things than for it.
        tests) compile "$triple" debug "$FOLDER/tests/bb" \
            --config profile.dev.debug=false --config profile.dev.opt-level=0 ;;
        *) die 2 "\`$1\` is not known" '`scripts/static.sh`, or `scripts/static.sh tests`' ;;
    esac
}

# compile TRIPLE PROFILE FILE FLAG…
compile() {
    local triple=$1 profile=$2 file=$3
    shift 3
    # A static program cannot ask which functions its C library has, so getrandom would read /dev/urandom, which
    # is not everywhere. The target is named, or these flags would be for build scripts and macros as well.
    RUSTFLAGS='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"' \
        cargo build --locked --quiet --bin bb --target "$triple" --target-dir "$FOLDER" "$@" ||
        die 1 '`bb` does not compile' '`cargo build` may show the same'
    install -D "$FOLDER/$triple/$profile/bb" "$file"
    # The list of what it was made of.
    install -m644 "$FOLDER/$triple/$profile/bb.d" "$file.d"
    check "$file"
}

# check FILE: it names no interpreter and no library, and starts.
check() {
    local said
    said=$(readelf --wide --program-headers --dynamic "$1")
    if grep -qE 'INTERP|NEEDED' <<<"$said"; then
        die 1 "\`$1\` is not static" "\`readelf --program-headers --dynamic $1\` shows what it asks for"
    fi
    # Of a static program it says so, or that it is no dynamic one, by the version of ldd.
    said=$(ldd "$1" 2>&1) || true
    [[ $said == *'statically linked'* || $said == *'not a dynamic executable'* ]] ||
        die 1 "\`ldd $1\` says something else than that it is static" "$said"
    row "${1##*/}" "$(env -i "$1" --version | cut -d' ' -f2), $1, $(du -h --apparent-size "$1" | cut -f1), static"
}

main "$@"; exit
