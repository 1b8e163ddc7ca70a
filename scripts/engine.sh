#!/usr/bin/env bash
# A container engine, also on a machine that has none.
#
#   scripts/engine.sh start          find an engine that answers, or start a private dockerd
#   scripts/engine.sh env            eval "$(scripts/engine.sh env)" sets DOCKER_HOST
#   scripts/engine.sh status         one line
#   scripts/engine.sh stop           stop the private dockerd, keep its images and volumes
#   scripts/engine.sh stop --purge   … and remove them
#
# Asked in this order: $DOCKER_HOST, docker's current context, Docker's default
# sockets, Podman's, and the private dockerd's own. Only where none of them
# answers does `start` begin a private one (as root), with everything it owns in
# one folder. It installs Debian's docker.io first if there is no dockerd.
#
#   BB_ENGINE_DIR      the folder (default: ${XDG_CACHE_HOME:-~/.cache}/gentoo-bb/engine)
#   BB_ENGINE_TCP      127.0.0.1:PORT: the private dockerd listens there as well
#   BB_ENGINE_TIMEOUT  seconds to wait for it (default: 60)
#
# The private dockerd writes no firewall rules and turns on no forwarding: ports
# are published by docker's own proxy, and on 127.0.0.1 unless `-p` names another
# address. A container that has to reach beyond this machine uses `--network host`.
#
# Exit codes: 0 done, 2 usage, 3 configuration, 4 no engine.

# Backticks in messages are quotation marks.
# shellcheck disable=SC2016
set -euo pipefail

# dockerd and ip live in sbin, which a user's PATH may lack.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

SELF=${BASH_SOURCE[0]}
POLICY=/usr/sbin/policy-rc.d
GLOBAL=/run/gentoo-bb

# --- messages ---------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE HINT
die() {
    printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

usage() {
    die 2 "$1" "usage: $SELF start | stop [--purge] | status | env"
}

is_root() { [[ $(id -u) == 0 ]]; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- settings ---------------------------------------------------------------

configure() {
    DIR=${BB_ENGINE_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/gentoo-bb/engine}
    # The kernel's mount table has no symlinks in it, so ours must have none either.
    DIR=$(realpath -m -- "$DIR")
    DATA=$DIR/data
    LOG=$DIR/dockerd.log
    MARK=$DIR/.gentoo-bb-engine

    local hash
    hash=$(printf '%s' "$DIR" | sha256sum | cut -c1-8)
    # Names derived from the folder: two private engines never share a bridge, or
    # a namespace in a containerd that the system already runs.
    NAME=bb-$hash

    RUN=$DIR/run
    # The path of a unix socket ends at 107 bytes; this is the longest one made.
    local longest=$RUN/exec/containerd/containerd-debug.sock.ttrpc
    if ((${#longest} > 107)); then RUN=$GLOBAL/$hash; fi
    SOCKET=$RUN/docker.sock
    PIDFILE=$RUN/dockerd.pid
    EXEC_ROOT=$RUN/exec
    PRIVATE=unix://$SOCKET

    TCP=${BB_ENGINE_TCP:-}
    # The listener has no TLS: whoever reaches it is root here.
    if [[ -n $TCP && ! $TCP =~ ^(127\.[0-9.]+|localhost|\[::1\]):[0-9]+$ ]]; then
        die 3 "\`BB_ENGINE_TCP=$TCP\` is not a loopback address with a port" \
            "use for example \`BB_ENGINE_TCP=127.0.0.1:2375\`"
    fi

    TIMEOUT=${BB_ENGINE_TIMEOUT:-60}
    [[ $TIMEOUT =~ ^[1-9][0-9]*$ ]] ||
        die 3 "\`BB_ENGINE_TIMEOUT=$TIMEOUT\` is not a number of seconds" 'leave it unset for 60'
}

# One lock for the machine, not for a folder: which bridge is safe depends on
# what other engines are doing, and `stop --purge` may remove the folder.
lock() {
    mkdir -p "$GLOBAL"
    exec {LOCK}>"$GLOBAL/lock"
    flock -n "$LOCK" && return
    say "waiting for another $SELF …"
    flock -w 600 "$LOCK" ||
        die 4 "another process has held \`$GLOBAL/lock\` for 10 minutes" "find it with \`fuser $GLOBAL/lock\`"
}

# --- finding an engine ------------------------------------------------------

answers() {
    local host=$1
    local path=${host#unix://}
    # A socket that is not there needs no client to say so.
    if [[ $path != "$host" && ! -S $path ]]; then return 1; fi
    if have docker; then
        DOCKER_HOST=$host timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
    elif ! have curl; then
        return 1
    elif [[ $path != "$host" ]]; then
        curl -fs --max-time 10 --unix-socket "$path" -o /dev/null http://localhost/_ping
    else
        curl -fs --max-time 10 -o /dev/null "http://${host#tcp://}/_ping"
    fi
}

context_get() {
    # Without DOCKER_HOST, which would hide the current context.
    env -u DOCKER_HOST docker context inspect --format "$1" 2>/dev/null || true
}

candidates() {
    local user=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
    [[ -z ${DOCKER_HOST:-} ]] || echo "$DOCKER_HOST"
    if have docker; then context_get '{{.Endpoints.docker.Host}}'; fi
    printf 'unix://%s\n' \
        /var/run/docker.sock "$user/docker.sock" \
        /run/podman/podman.sock "$user/podman/podman.sock" \
        "$SOCKET"
}

# Sets HOST.
find_engine() {
    local host seen=' '
    while IFS= read -r host; do
        if [[ -z $host || $seen == *" $host "* ]]; then continue; fi
        seen+="$host "
        if answers "$host"; then
            HOST=$host
            return 0
        fi
        if [[ $host == "${DOCKER_HOST:-}" && $host != "$PRIVATE" ]]; then
            say "note: nothing answers at \`DOCKER_HOST=$host\`, trying the next one"
        fi
    done < <(candidates)
    return 1
}

describe() {
    local version=''
    if have docker; then
        version=$(DOCKER_HOST=$HOST timeout 10 docker version --format ' {{.Server.Version}}' 2>/dev/null) || true
    fi
    if [[ $HOST == "$PRIVATE" ]]; then
        local network='bridge: none'
        if link_exists "$NAME"; then network="bridge: $NAME"; fi
        echo "running: private engine$version at $HOST (pid $(engine_pid || echo unknown), $network, data: $DATA)"
    else
        echo "running: engine$version at $HOST"
    fi
}

# --- our dockerd ------------------------------------------------------------

# argv_of PID: sets ARGV; fails if the process is gone.
argv_of() {
    ARGV=()
    { mapfile -d '' -t ARGV <"/proc/$1/cmdline"; } 2>/dev/null || return 1
    ((${#ARGV[@]} > 0))
}

# A number in a file proves nothing: after a crash or a reboot it may belong to
# any process. Ours is a dockerd on our data folder.
is_our_dockerd() {
    argv_of "$1" && [[ ${ARGV[0]##*/} == dockerd && " ${ARGV[*]} " == *" --data-root=$DATA "* ]]
}

engine_pid() {
    local pid
    [[ -r $PIDFILE ]] || return 1
    pid=$(<"$PIDFILE")
    [[ $pid =~ ^[1-9][0-9]*$ ]] && is_our_dockerd "$pid" && echo "$pid"
}

# A dockerd given a bridge of its own removes the docker0 of one already running
# in the same network namespace.
other_dockerd_runs() {
    local proc
    for proc in /proc/[0-9]*; do
        argv_of "${proc#/proc/}" || continue
        [[ ${ARGV[0]##*/} == dockerd ]] || continue
        [[ $(readlink "$proc/ns/net") == "$(readlink /proc/self/ns/net)" ]] && return 0
    done
    return 1
}

# --- installing -------------------------------------------------------------

denies_services() {
    local rc=0
    [[ -x $POLICY ]] || return 1
    "$POLICY" docker start >/dev/null 2>&1 || rc=$?
    ((rc == 101))
}

restore_policy() {
    if [[ -e $POLICY.gentoo-bb ]]; then
        mv -f "$POLICY.gentoo-bb" "$POLICY"
    elif grep -qs 'gentoo-bb: temporary' "$POLICY"; then
        rm -f "$POLICY"
    fi
}

# The package would start the system's dockerd; this script wants a private one.
deny_services() {
    restore_policy # of a run that was killed
    if denies_services; then return; fi
    if [[ -e $POLICY ]]; then mv "$POLICY" "$POLICY.gentoo-bb"; fi
    printf '#!/bin/sh\n# gentoo-bb: temporary\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

# wanted COMMAND PACKAGE: adds the package if the command is missing and the
# distribution has it (docker-cli is part of docker.io in older releases).
wanted() {
    have "$1" && return
    if apt-cache show "$2" >/dev/null 2>&1; then PACKAGES+=("$2"); fi
}

apt_install() (
    set -e
    trap restore_policy EXIT
    trap 'exit 130' INT TERM HUP
    deny_services
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    apt-get -o DPkg::Lock::Timeout=120 update || true # the install says it if that mattered
    PACKAGES=()
    wanted dockerd docker.io
    wanted docker docker-cli
    wanted ip iproute2
    wanted xz xz-utils # dockerd runs it on .xz tarballs
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || PACKAGES+=(ca-certificates)
    if [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]]; then
        wanted apparmor_parser apparmor # else containers do not start
    fi
    apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${PACKAGES[@]}"
)

install_engine() {
    if have dockerd && have ip && have xz && { have docker || have curl; }; then return; fi
    if ! have apt-get || ! have dpkg; then
        die 4 'no container engine answers, and `dockerd` or what it needs (`ip`, `xz`, `docker`) is not installed' \
            'install Docker or Podman with your package manager and start it, or set `DOCKER_HOST`'
    fi
    say 'installing docker.io …'
    local rc=0
    apt_install </dev/null >"$DIR/install.log" 2>&1 {LOCK}>&- || rc=$?
    hash -r
    if ((rc == 130)); then exit 130; fi
    if ((rc != 0)) || ! have dockerd; then
        tail -n 15 "$DIR/install.log" >&2
        die 4 '`apt-get install docker.io` failed' "see \`$DIR/install.log\`, or install Docker or Podman yourself"
    fi
}

# --- networking -------------------------------------------------------------

# A /24 that no route of this machine covers; all traffic's routes do not count.
free_subnet() {
    local n net
    for n in {0..31}; do
        net=10.213.$n.0/24
        if ! { ip -4 route show root "$net" && ip -4 route show match "$net"; } |
            grep -qvE '^(default|0\.0\.0\.0/1|128\.0\.0\.0/1) '; then
            echo "10.213.$n.1/24"
            return 0
        fi
    done
    return 1
}

# Not /sys/class/net, which is another namespace's where /sys was mounted there.
link_exists() { have ip && [[ -n $(ip -o link show dev "$@" 2>/dev/null) ]]; }

make_bridge() {
    local address
    address=$(free_subnet) || return 1
    ip link add "$NAME" type bridge && ip address add "$address" dev "$NAME" && ip link set "$NAME" up
}

# Sets NETWORK, the arguments for dockerd.
choose_network() {
    NETWORK=(--bridge=none)
    if other_dockerd_runs; then
        say 'note: another dockerd runs here, so this one gets no default bridge: use `docker network create`, or `--network host`'
    elif make_bridge 2>>"$LOG"; then
        NETWORK=("--bridge=$NAME" --ip=127.0.0.1)
    else
        remove_bridges
        say 'note: no bridge can be made here: containers have `--network host` and `none`'
    fi
}

# Ours, and those of networks made in this engine, which dockerd leaves behind.
# Their names follow from the networks' ids in its database.
remove_bridges() {
    local id db=$DATA/network/files/local-kv.db
    have ip || return 0
    if link_exists "$NAME"; then ip link delete "$NAME" || true; fi
    [[ -e $db ]] || return 0
    while IFS= read -r id; do
        if link_exists "br-$id" type bridge; then ip link delete "br-$id" || true; fi
    done < <(grep -aoE '[0-9a-f]{64}' "$db" | cut -c1-12 | sort -u)
}

# --- what a dockerd leaves behind -------------------------------------------

children_of() {
    { grep -lE "^PPid:[[:space:]]+$1\$" /proc/[0-9]*/status 2>/dev/null || true; } | cut -d/ -f3
}

# Pids of our containerd and its shims, and the containers' first processes. They
# outlive a dockerd that was killed, and the containers with them.
orphans() {
    local proc pid
    for proc in /proc/[0-9]*; do
        pid=${proc#/proc/}
        argv_of "$pid" || continue
        case ${ARGV[0]##*/} in
        containerd)
            [[ " ${ARGV[*]} " == *" $EXEC_ROOT/"* ]] || continue
            ;;
        containerd-shim*)
            [[ " ${ARGV[*]} " == *" -namespace $NAME "* ]] || continue
            children_of "$pid"
            ;;
        *) continue ;;
        esac
        echo "$pid"
    done
}

kill_orphans() {
    local pids
    for _ in {1..50}; do
        mapfile -t pids < <(orphans)
        if ((${#pids[@]} == 0)); then return; fi
        kill -KILL "${pids[@]}" 2>/dev/null || true
        sleep 0.1
    done
}

unmount_all() {
    local target
    # Deepest first. The mount table writes a blank as \040, which %b undoes.
    while IFS= read -r target; do
        target=$(printf '%b' "$target")
        case $target in
        "$RUN"/* | "$DATA"/*) unmount "$target" ;;
        "$DATA")
            # dockerd binds its data folder to itself, notes that here, and
            # leaves it mounted when killed. A disk mounted there is not ours.
            if [[ -e $EXEC_ROOT/unmount-on-shutdown ]]; then unmount "$target"; fi
            ;;
        esac
    done < <(cut -d' ' -f5 /proc/self/mountinfo | LC_ALL=C sort -r)
}

unmount() {
    umount "$1" 2>/dev/null || umount -l "$1" 2>/dev/null || true
}

# After this the machine is as if it had just booted, which dockerd copes with;
# stale pid files and half-dead shims it does not always.
clean_up() {
    kill_orphans
    unmount_all
    remove_bridges
    rm -rf --one-file-system -- "$EXEC_ROOT"
    rm -f -- "$SOCKET" "$PIDFILE"
    rmdir -- "$RUN" 2>/dev/null || true
}

# --- commands ---------------------------------------------------------------

prepare_folder() {
    # `stop --purge` removes $DATA, so it must never be somebody else's.
    if [[ -e $DATA && ! -e $MARK ]]; then
        die 3 "\`$DATA\` exists and was not made by this script" 'set `BB_ENGINE_DIR` to another folder'
    fi
    mkdir -p "$DIR" "$RUN"
    touch "$MARK"
}

launch() {
    local args=(
        "--data-root=$DATA" "--exec-root=$EXEC_ROOT" "--pidfile=$PIDFILE" "--host=$PRIVATE"
        # Not the system's daemon.json: what it sets cannot be set here again.
        "--config-file=$DIR/daemon.json"
        "--containerd-namespace=$NAME" "--containerd-plugins-namespace=$NAME-plugins"
        --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false
        "${NETWORK[@]}"
    )
    # Said outright, or dockerd waits a while to make the point.
    if [[ -n $TCP ]]; then args+=("--host=tcp://$TCP" --tls=false); fi
    echo '{}' >"$DIR/daemon.json"
    # A session of its own, so that Ctrl-C here does not reach it; without the
    # lock, which it would hold for as long as it lives.
    (cd / && exec setsid dockerd "${args[@]}" </dev/null >>"$LOG" 2>&1 {LOCK}>&-) &
    CHILD=$!
}

# wait_ready PID
wait_ready() {
    local end=$((SECONDS + TIMEOUT))
    while ((SECONDS < end)); do
        if answers "$PRIVATE"; then return 0; fi
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

start_private() {
    local pid
    if pid=$(engine_pid); then
        # Starting, or in trouble. It may hold somebody's containers, so ending it
        # is for `stop` alone.
        wait_ready "$pid" || die 4 "the private \`dockerd\` (pid $pid) runs but does not answer" \
            "see \`$LOG\`; end it with \`$SELF stop\`, then start again"
        return
    fi
    prepare_folder
    install_engine
    clean_up
    mkdir -p "$RUN"
    if [[ -e $LOG ]]; then mv -f "$LOG" "$LOG.1"; fi
    choose_network
    launch
    wait_ready "$CHILD" || fail_start
}

fail_start() {
    local pid
    tail -n 20 "$LOG" >&2 || true
    local why='ended while it was starting'
    if pid=$(engine_pid) || is_our_dockerd "${pid:=${CHILD:-0}}"; then
        why="was not ready within $TIMEOUT seconds"
        end_process "$pid"
    fi
    clean_up
    die 4 "the private \`dockerd\` $why" "its whole log is \`$LOG\`"
}

no_root_hint() {
    local path
    for path in /var/run/docker.sock /run/podman/podman.sock; do
        if [[ -S $path && ! -w $path ]]; then
            echo "\`$path\` is there, but you may not write to it: join its group, or run \`$SELF start\` as root"
            return
        fi
    done
    echo "run \`$SELF start\` as root, or install Docker or Podman (Debian: \`apt-get install docker.io\`), or set \`DOCKER_HOST\`"
}

cmd_start() {
    if is_root; then lock; fi
    if ! find_engine; then
        if ! is_root; then
            die 4 'no container engine answers, and only root can start one' "$(no_root_hint)"
        fi
        start_private
        HOST=$PRIVATE
    fi
    if [[ -n $TCP ]] && ! answers "tcp://$TCP"; then
        die 4 "the engine at \`$HOST\` does not listen on \`$TCP\`" \
            "only a private one can: \`$SELF stop\`, then start again with \`BB_ENGINE_TCP\`"
    fi
    say "$(describe)"
}

cmd_status() {
    if find_engine; then
        describe
    else
        echo 'no engine answers'
        exit 4
    fi
}

# Two statements a line apart, so that both a shell and a reader of NAME=VALUE
# lines find what they want.
put() {
    printf '%s=%q\nexport %s\n' "$1" "$2" "$1"
}

cmd_env() {
    local tls
    find_engine || die 4 'no container engine answers' "start one: \`$SELF start\`"
    put DOCKER_HOST "$HOST"
    # A context keeps its certificates to itself; the environment has to be told.
    if [[ $HOST == tcp://* && -z ${DOCKER_TLS_VERIFY:-} ]] && have docker &&
        [[ $(context_get '{{.Endpoints.docker.Host}}') == "$HOST" ]]; then
        tls=$(context_get '{{.Storage.TLSPath}}')/docker
        if [[ -e $tls/cert.pem ]]; then
            put DOCKER_TLS_VERIFY 1
            put DOCKER_CERT_PATH "$tls"
        fi
    fi
}

# end_process PID: dockerd gives its containers 15 seconds.
end_process() {
    local pid=$1
    kill -TERM "$pid" 2>/dev/null || return 0
    for _ in {1..300}; do
        is_our_dockerd "$pid" || return 0
        sleep 0.1
    done
    say "note: \`dockerd\` (pid $pid) did not end within 30 seconds, killing it"
    kill -KILL "$pid" 2>/dev/null || true
    while is_our_dockerd "$pid"; do sleep 0.1; done
}

cmd_stop() {
    local pid='' purge=$1
    if [[ ! -e $MARK ]]; then
        say 'nothing to stop: no private engine was started here'
        return
    fi
    is_root || die 4 'only root can stop the private engine' "run \`$SELF stop\` as root"
    lock
    if pid=$(engine_pid); then
        end_process "$pid"
        say "stopped: private engine (pid $pid)"
    elif answers "$PRIVATE"; then
        # Its files are in use, so nothing may be cleaned up under it.
        die 4 "an engine answers at \`$PRIVATE\`, but \`$PIDFILE\` does not say which process it is" \
            "find it with \`ps -ef | grep dockerd\` and end it"
    else
        say 'nothing to stop: the private engine does not run'
    fi
    clean_up
    if [[ -n $purge ]]; then
        rm -rf --one-file-system -- "$DATA"
        rm -f -- "$LOG" "$LOG.1" "$DIR/install.log" "$DIR/daemon.json" "$MARK"
        rmdir -- "$DIR" 2>/dev/null || true
        say "removed: $DATA"
    fi
}

main() {
    local command=${1:-}
    if [[ -n $command ]]; then shift; fi
    local purge=''
    if [[ $command == stop && ${1:-} == --purge ]]; then
        purge=yes
        shift
    fi
    if (($# > 0)); then usage "unexpected argument \`$1\`"; fi
    case $command in
    start | status | env | stop) configure ;;
    -h | --help | help)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$SELF"
        return
        ;;
    '') usage 'no command given' ;;
    *) usage "unknown command \`$command\`" ;;
    esac
    case $command in
    start) cmd_start ;;
    status) cmd_status ;;
    env) cmd_env ;;
    stop) cmd_stop "$purge" ;;
    esac
}

main "$@"
