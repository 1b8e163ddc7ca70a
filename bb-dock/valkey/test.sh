# Clients over the network: of this server, and of another that follows it and asks for a password.
# shellcheck shell=dash
set -eu

main() {
	[ "$(client set page:1 'a slim image' EX 60)" = OK ]
	[ "$(client get page:1)" = 'a slim image' ]
	[ "$(client incrby visits 42)" = 42 ]
	# Others that come within five seconds would be served with it.
	client config set repl-diskless-sync-delay 0 >/dev/null
	follow
	until_is 'a slim image' second get page:1
	client append page:1 ', written later' >/dev/null
	until_is 'a slim image, written later' second get page:1
	second set page:1 text | grep -q '^READONLY '
	valkey-cli -h 127.0.0.1 -p 6380 get page:1 2>&1 | grep -q '^NOAUTH '
	second shutdown nosave
	wait
	[ "$(client info replication | grep connected_slaves | tr -d '\r')" = connected_slaves:0 ]
}

client() { valkey-cli -h 127.0.0.1 "$@"; }

second() { REDISCLI_AUTH=secret valkey-cli -h 127.0.0.1 -p 6380 "$@"; }

follow() {
	mkdir /tmp/second
	chown valkey /tmp/second
	s6-setuidgid valkey valkey-server - >/dev/null <<-END &
		port 6380
		dir /tmp/second
		save ""
		requirepass secret
		replicaof 127.0.0.1 6379
	END
}

# until_is TEXT COMMAND…
until_is() {
	local text=$1 tries=0
	shift
	until [ "$("$@" 2>/dev/null)" = "$text" ]; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || { echo "no $text comes of $*" >&2; exit 1; }
		sleep 0.2
	done
}

main
