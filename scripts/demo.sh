#!/usr/bin/env bash
# Builds five images of bb-dock/ from the local mirror, starts nginx and fetches a page.
#
#   scripts/demo.sh              what `make demo` shows
#   scripts/demo.sh catalogue    builds and tests all images instead, and writes doc/catalogue.md
#
# The project is .demo/; what was built stays, so that a second run builds nothing. Which engine it is on, bb says:
# where nothing leads to Docker or Podman, its own.

# Backticks in messages are quotation marks.
# shellcheck disable=SC2016,SC2329 # clean_up is called by a trap
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

PROJECT=.demo
NAMESPACE_=bb-demo
SCRATCH=$(mktemp -d)
# What it shows; the whole catalogue is `make catalogue`.
DOCKS=(busybox s6 openssl memcached nginx)
MAKING='' WEB=''

clean_up() {
    local code=$?
    trap '' INT TERM
    if [[ -n $MAKING ]]; then kill -TERM "$MAKING" 2>/dev/null || true; fi
    if [[ -n $WEB ]]; then kill -TERM "$WEB" 2>/dev/null && wait "$WEB" || true; fi
    rm -rf -- "$SCRATCH"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

main() {
    # Whatever is missing is told before anything is compiled.
    bash tests/mirror/build.sh --check curl:curl cc:gcc || exit "$?"
    need_rust
    prepare
    write_project
    row engine "$(bb config engine | head -n 1)"
    renew_lock
    if [[ ${1-} == catalogue ]]; then
        catalogue
    else
        build_images
        serve
        sizes
    fi
}

# --- build ----------------------------------------------------------------------

bb() { "$BB" --project "$PROJECT" "$@"; }

# The mirror waits for what it fetches, the compiler for itself: side by side.
prepare() {
    local mirror
    bash tests/mirror/build.sh "$MIRROR_DIR" >"$SCRATCH/mirror" &
    MAKING=$!
    build_bb
    wait "$MAKING"
    MAKING=''
    mirror=$(<"$SCRATCH/mirror")
    mirror=${mirror##*(} # what is in it, and what was made anew
    row mirror "${mirror%)}"
    row bb "$("$BB" --version | sed 's/.* //'), ${BB#"$PWD"/}"
}

write_project() {
    mkdir -p "$PROJECT"
    cat >"$PROJECT/bb.toml" <<END
# Written by scripts/demo.sh.
namespace = "$NAMESPACE_"
docks = "../bb-dock"
exclude = ["gcc", "postgresql"]
mirrors = ["file://$MIRROR_DIR"]

[trust]
keyring = "$MIRROR_DIR/key.asc"
fingerprints = ["$(<"$MIRROR_DIR/fingerprint")"]
END
}

renew_lock() {
    local newer
    # The lock pins files by their digests: a mirror that was made anew has others.
    newer=$(find "$MIRROR_DIR/releases" "$MIRROR_DIR/snapshots" -newer "$PROJECT/bb.lock" -print -quit 2>/dev/null) || true
    if [[ -n $newer ]]; then bb update; fi
}

catalogue() {
    printf '\n%s$ bb test%s\n' "$BOLD" "$PLAIN"
    bb test --keep-going || exit "$?"
    bb catalogue -o doc/catalogue.md || exit "$?"
    beside >>doc/catalogue.md
    bb catalogue -o "$PROJECT/catalogue.html" || exit "$?"
    row page "$PROJECT/catalogue.html"
}

# What is not in the table.
beside() {
    cat <<'END'

Two images are built by name only: [postgresql](../bb-dock/postgresql/README.md), and
[gcc](../bb-dock/gcc/README.md), whose layers take long to compress. What people used to start from is here but for Java: there is
no source of it that the local mirror could compile.
END
}

build_images() {
    printf '\n%s$ bb build memcached nginx%s\n' "$BOLD" "$PLAIN"
    bb build memcached nginx || exit "$?"
}

# --- nginx ----------------------------------------------------------------------

serve() {
    echo
    start_web
    page HTTP "$HTTP"
    page HTTPS "$HTTPS"
    stop_web
}

# Sets HTTP and HTTPS, at ports that nobody listens at.
start_web() {
    local http https
    for _ in {1..20}; do
        http=$((20000 + RANDOM)) https=$((20000 + RANDOM))
        HTTP=http://127.0.0.1:$http/ HTTPS=https://127.0.0.1:$https/
        "$BB" --project "$PROJECT" run -p "127.0.0.1:$http:80" -p "127.0.0.1:$https:443" nginx >"$SCRATCH/run" 2>&1 </dev/null &
        WEB=$!
        if wait_for get "$HTTP"; then return; fi
        # Somebody else's port: another one.
        if kill -0 "$WEB" 2>/dev/null || ! grep -q 'cannot listen\|already' "$SCRATCH/run"; then break; fi
    done
    tail -n 10 "$SCRATCH/run" >&2
    die 1 'nginx does not answer' "\`$BB --project $PROJECT run nginx\` shows why"
}

# get URL: the page. Its certificate is one that the container has made for itself.
get() { curl -fsk --noproxy '*' --max-time 5 "$1"; }

# For as long as there is somebody to wait for.
wait_for() {
    for _ in {1..100}; do
        if "$@" >/dev/null 2>&1; then return 0; fi
        kill -0 "$WEB" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

page() {
    local title
    wait_for get "$2" || true
    title=$(get "$2" | sed -n 's:.*<title>\(.*\)</title>.*:\1:p') || true
    [[ -n $title ]] || die 1 "nginx serves no page over $1" "\`curl -kv $2\` while it runs"
    row "${1,,}" "$2 \"$title\""
}

stop_web() {
    local begun=$EPOCHREALTIME took
    kill -TERM "$WEB"
    wait "$WEB" || true
    WEB=''
    took=$(((${EPOCHREALTIME/[.,]/} - ${begun/[.,]/}) / 1000))
    ((took < 2000)) || die 1 "stopping took $took ms" 'a service that ignores SIGTERM is killed after 10 s'
    row stop "$((took / 1000)).$(printf %03d $((took % 1000)) | cut -c1) s after SIGTERM"
}

# --- sizes ----------------------------------------------------------------------

sizes() {
    local name
    printf '\n%s%-24s %10s %10s %12s%s\n' "$BOLD" IMAGE SIZE SENT PACKAGES "$PLAIN"
    for name in "${DOCKS[@]}"; do
        printf '%s %s %s %s\n' "$(size "$name")" "$NAMESPACE_/$name" "$(sent "$name")" "$(packages "$name")"
    done | sort -n | while read -r size image sent packages; do
        printf '%-24s %10s %10s %9s\n' "$image" "$(megabytes "$size")" "$(megabytes "$sent")" "$packages"
    done
    echo
}

megabytes() { printf '%d.%02d MB' $(($1 / 1000000)) $(($1 / 10000 % 100)); }

# Bytes of all its layers.
size() { sed -n 's/^ *"size": \([0-9]*\),$/\1/p' "$PROJECT/.bb/images/$1/image.json"; }

# Bytes that travel: layers are sent compressed.
sent() { bb image save "$1" --compress gzip -o - | wc -c; }

# How many packages an image holds, its parents' included.
packages() { grep -cv '^ *#\|^ *$' "$PROJECT/.bb/images/$1/package.provided" 2>/dev/null || echo -; }

main "$@"; exit
