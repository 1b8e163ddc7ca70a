#!/usr/bin/env bash
# Builds the images of bb-dock/ from the local mirror, starts nginx and fetches a page.
#
#   scripts/demo.sh
#
# The project is .demo/; what was built stays, so that a second run builds nothing. An engine that
# this run started is stopped at the end, its images and volumes stay too.

# Backticks in messages are quotation marks.
# shellcheck disable=SC2016,SC2329 # clean_up is called by a trap
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

PROJECT=.demo
NAMESPACE_=bb-demo
CONTAINER=bb-demo-web-$$
SCRATCH=$(mktemp -d)

clean_up() {
    local code=$?
    trap '' INT TERM
    if [[ -n ${DOCKER_HOST:-} ]]; then docker rm -fv "$CONTAINER" >/dev/null 2>&1 || true; fi
    engine_down
    rm -rf -- "$SCRATCH"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

main() {
    local mirror
    need_rust
    need curl:curl
    engine_up
    have docker || die 1 '`docker`, the client, is not installed' 'Debian: `apt-get install docker-cli` or `docker.io`'
    row engine "$(engine_line)"
    mirror=$(bash tests/mirror/build.sh "$MIRROR_DIR")
    mirror=${mirror##*(} # what is in it, and what was made anew
    row mirror "${mirror%)}"
    build_bb
    row bb "$("$BB" --version | sed 's/.* //'), ${BB#"$PWD"/}"
    write_project
    build_images
    serve
    sizes
    if [[ -n $ENGINE_OURS ]]; then row engine 'stopped; images and caches stay for the next run'; fi
}

# --- build ----------------------------------------------------------------------

write_project() {
    mkdir -p "$PROJECT"
    cat >"$PROJECT/bb.toml" <<END
# Written by scripts/demo.sh.
namespace = "$NAMESPACE_"
docks = "../bb-dock"
mirrors = ["file://$MIRROR_DIR"]

[trust]
keyring = "$MIRROR_DIR/key.asc"
fingerprints = ["$(<"$MIRROR_DIR/fingerprint")"]
END
}

build_images() {
    local newer
    # The lock pins files by their digests: a mirror that was made anew has others.
    newer=$(find "$MIRROR_DIR/releases" "$MIRROR_DIR/snapshots" -newer "$PROJECT/bb.lock" -print -quit 2>/dev/null) || true
    if [[ -n $newer ]]; then "$BB" --project "$PROJECT" update; fi
    printf '\n%s$ bb build%s\n' "$BOLD" "$PLAIN"
    "$BB" --project "$PROJECT" build || exit "$?"
}

# --- nginx ----------------------------------------------------------------------

serve() {
    echo
    start_web
    page HTTP "$HTTP"
    page HTTPS "$HTTPS"
    stop_web
}

# Sets HTTP and HTTPS, and INSIDE where no port can be published or reached: then the page is fetched
# by the image's own programs.
start_web() {
    INSIDE=''
    # Without a bridge it runs, but has no ports; those of a remote engine are elsewhere.
    if docker run -d --name "$CONTAINER" -p 127.0.0.1::80 -p 127.0.0.1::443 "$NAMESPACE_/nginx" \
        >/dev/null 2>"$SCRATCH/run"; then
        HTTP=http://$(published 80)/ HTTPS=https://$(published 443)/
        if [[ $HTTP != http:/// ]] && wait_for get "$HTTP"; then return; fi
    fi
    docker rm -fv "$CONTAINER" >/dev/null 2>&1 || true
    docker run -d --name "$CONTAINER" --network none "$NAMESPACE_/nginx" >/dev/null 2>"$SCRATCH/run" ||
        die 1 "the nginx image does not start: $(tail -n 1 "$SCRATCH/run")" "\`docker run --rm $NAMESPACE_/nginx\` shows why"
    INSIDE=yes HTTP=http://127.0.0.1/ HTTPS=https://127.0.0.1/
    if ! wait_for get "$HTTP"; then
        docker logs --tail 10 "$CONTAINER" >&2 || true
        die 1 'nginx does not answer' "\`docker run --rm $NAMESPACE_/nginx\` shows why"
    fi
    row note 'no port of this engine can be reached here: fetched from inside the container'
}

published() { docker port "$CONTAINER" "$1/tcp" 2>/dev/null | head -n 1 || true; }

# get URL: the page. Its certificate is one that the container has made for itself.
get() {
    if [[ -z $INSIDE ]]; then
        curl -fsk --noproxy '*' --max-time 5 "$1"
    elif [[ $1 == https:* ]]; then
        docker exec "$CONTAINER" sh -c 'printf "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n" |
            openssl s_client -quiet -connect 127.0.0.1:443 2>/dev/null'
    else
        docker exec "$CONTAINER" wget -q -O - "$1"
    fi
}

wait_for() {
    for _ in {1..50}; do
        if "$@" >/dev/null 2>&1; then return 0; fi
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
    docker stop "$CONTAINER" >/dev/null
    took=$(((${EPOCHREALTIME/[.,]/} - ${begun/[.,]/}) / 1000))
    docker rm -v "$CONTAINER" >/dev/null
    ((took < 2000)) || die 1 "\`docker stop\` took $took ms" 'a service that ignores SIGTERM is killed after 10 s'
    row stop "$((took / 1000)).$(printf %03d $((took % 1000)) | cut -c1) s after SIGTERM"
}

# --- sizes ----------------------------------------------------------------------

sizes() {
    local name
    printf '\n%s%-24s %10s %12s%s\n' "$BOLD" IMAGE SIZE PACKAGES "$PLAIN"
    for name in bb-dock/*/; do
        name=$(basename "$name")
        printf '%s %s %s\n' "$(docker image inspect -f '{{.Size}}' "$NAMESPACE_/$name")" "$NAMESPACE_/$name" \
            "$(packages "$name")"
    done | sort -n | while read -r size image packages; do
        printf '%-24s %7d.%02d MB %9s\n' "$image" $((size / 1000000)) $((size / 10000 % 100)) "$packages"
    done
    echo
}

# How many packages an image holds, its parents' included.
packages() { grep -cv '^ *#\|^ *$' "$PROJECT/.bb/images/$1/package.provided" 2>/dev/null || echo -; }

main; exit
