#!/usr/bin/env bash
# Fuzzes the parsers of what others have written, one after the other.
#
#   scripts/fuzz.sh [TARGET…]   default: all; FUZZ_SECONDS (600) for each
#
# A finding is left in fuzz/artifacts/ and ends the run. What was learned goes to target/fuzz/, not to
# fuzz/corpus/, which the tests replay.

# Backticks in messages are quotation marks.
# shellcheck disable=SC2016
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

need_rust
cargo fuzz --version >/dev/null 2>&1 ||
    die 1 '`cargo fuzz` is not installed' 'cargo install --locked cargo-fuzz'
if (($# == 0)); then
    # shellcheck disable=SC2046 # names have no blanks
    set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v '^gentoo-bb-fuzz$')
fi
# Sanitizers are an unstable option of the compiler.
export RUSTC_BOOTSTRAP=1
for target; do
    mkdir -p "target/fuzz/$target"
    cargo fuzz run --fuzz-dir fuzz --target-dir target/fuzz/build "$target" \
        "target/fuzz/$target" "fuzz/corpus/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-600}" -timeout=10 -rss_limit_mb=512
done
