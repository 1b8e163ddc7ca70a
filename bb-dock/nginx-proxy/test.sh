# A server of our own behind a host of our own, and settings that are refused.
# shellcheck shell=dash
set -eu

main() {
	mkdir /tmp/pages
	echo 'what is behind' >/tmp/pages/page.txt
	httpd -p 127.0.0.1:8081 -h /tmp/pages
	HOST_1='one.example,*.two.example=http://127.0.0.1:8081' nginx-proxy --write
	nginx -s reload
	asked_for one.example
	asked_for any.two.example
	refused 'one.example'
	refused 'one.example=ftp://web'
	refused 'one.example=http://web:80/path'
	refused 'one.example=http://web:65536'
	refused 'one.example=http://web;}'
	refused 'one.example;}=http://web'
	refused '*=http://web'
	refused 'one.example=http://[::1'
}

# Until nginx has read its settings anew.
asked_for() {
	local tries=0
	until [ "$(wget -q -O - --header "Host: $1" http://127.0.0.1/page.txt 2>&1)" = 'what is behind' ]; do
		tries=$((tries + 1))
		[ $tries -lt 20 ] || { echo "nothing comes for $1" >&2; exit 1; }
		sleep 0.2
	done
}

refused() {
	! HOST_1=$1 nginx-proxy --write 2>/tmp/refused || { echo "$1 is not refused" >&2; exit 1; }
	grep -q '^nginx-proxy: HOST_1: ' /tmp/refused
}

main
