# shellcheck shell=bash
# Shared by demo.sh, lint.sh and test.sh: messages, tools, the engine. Sourced, never run.
# shellcheck disable=SC2016,SC2034 # backticks are quotation marks; those who source this use its variables

# What make hands down would reach cargo and every make that a test starts.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES MAKE_TERMOUT MAKE_TERMERR
# The demo and the tests have their own settings; a user's must not reach them.
unset NAMESPACE AUTHOR TAG DATE EXCLUDE MIRROR BB_STATE BB_KEYRING BB_FINGERPRINTS BB_KEY_URLS BB_SKIP_VERIFY
export HOME=${HOME:-/root}
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

# What is kept between runs, outside of the checkout.
CACHE_DIR=${XDG_CACHE_HOME:-$HOME/.cache}/gentoo-bb
MIRROR_DIR=$(realpath -m -- "${BB_MIRROR:-$CACHE_DIR/mirror}")

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    BOLD=$'\e[1m' PLAIN=$'\e[0m'
else
    BOLD='' PLAIN=''
fi

# die CODE MESSAGE HINT
die() {
    printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

have() { command -v "$1" >/dev/null 2>&1; }

# row NAME TEXT: one line of a result.
row() { printf '%s%-8s%s %s\n' "$BOLD" "$1" "$PLAIN" "$2"; }

# --- tools --------------------------------------------------------------------

# need COMMAND:PACKAGE…: installs Debian's packages of the commands that are missing.
need() {
    local tool missing=()
    for tool; do
        have "${tool%%:*}" || missing+=("${tool#*:}")
    done
    ((${#missing[@]} > 0)) || return 0
    have apt-get || die 1 "missing packages: ${missing[*]}" 'install what has these names in Debian'
    [[ $(id -u) == 0 ]] || die 1 "missing packages: ${missing[*]}" "\`sudo apt-get install ${missing[*]}\`"
    echo "installing ${missing[*]} …" >&2
    local log
    log=$(mktemp "${TMPDIR:-/tmp}/bb-tools.XXXXXX")
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
        install -y --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
        tail -n 10 "$log" >&2
        die 1 "cannot install \`${missing[*]}\`" "see \`$log\`"
    fi
    rm -f "$log"
    hash -r
}

# need_account NAME: an ordinary user with a range of ids in /etc/subuid, which useradd gives.
need_account() {
    if ! id "$1" >/dev/null 2>&1; then
        useradd --no-create-home --shell /usr/sbin/nologin "$1" ||
            die 1 "there is no user \`$1\`" "\`useradd $1\` as root makes one"
    fi
    grep -q "^$1:" /etc/subuid ||
        die 1 "the user \`$1\` has no ids in \`/etc/subuid\`" "\`userdel $1\` as root, and run this again"
}

# need_rust [COMPONENT…]: a toolchain, and a linker for it.
need_rust() {
    local component
    have cargo || die 1 '`cargo` is not installed' 'install Rust 1.89 or later'
    for component; do
        cargo "$component" --version >/dev/null 2>&1 ||
            die 1 "\`cargo $component\` is not installed" "\`rustup component add rustfmt clippy\`"
    done
    if ! have cc; then need cc:gcc; fi
    # The C library's headers and start files are a package of their own.
    if have dpkg && [[ ! -e /usr/include/stdlib.h ]]; then need /usr/include/stdlib.h:libc6-dev; fi
}

# --- engine -------------------------------------------------------------------

ENGINE_OURS=''

# Finds or starts an engine and exports DOCKER_HOST.
engine_up() {
    local env
    scripts/engine.sh status >/dev/null 2>&1 || ENGINE_OURS=yes
    # Where it listens is of no interest.
    scripts/engine.sh start 2>&1 | sed -u '/^running: /d' >&2 || {
        local code=$?
        ENGINE_OURS=''
        exit "$code"
    }
    env=$(scripts/engine.sh env)
    eval "$env"
}

# Stops what engine_up has started; its images and volumes stay.
engine_down() {
    [[ -n $ENGINE_OURS ]] || return 0
    ENGINE_OURS=''
    scripts/engine.sh stop >/dev/null 2>&1 || true
}

# --- bb -----------------------------------------------------------------------

# Compiles bb; sets BB to the program, wherever cargo puts it.
build_bb() {
    cargo build --locked --message-format=json-render-diagnostics >"$SCRATCH/cargo" ||
        die 1 '`bb` does not compile' '`cargo build` shows the same'
    BB=$(sed -n 's/.*"executable":"\([^"]*\/bb\)".*/\1/p' "$SCRATCH/cargo" | tail -n 1)
}
