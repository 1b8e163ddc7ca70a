# Another one, with TLS and two servers that answer in turn.
# shellcheck shell=dash
set -eu

main() {
	cd /tmp
	for number in 1 2; do
		mkdir "server$number"
		echo "server $number" >"server$number/page.txt"
		httpd -p "127.0.0.1:808$number" -h "server$number"
	done
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
		-keyout both.pem -out cert.pem 2>/dev/null
	cat cert.pem >>both.pem
	settings >haproxy.cfg
	haproxy -D -f haproxy.cfg
	asks >answers
	asks >>answers
	grep -q '^server 1$' answers
	grep -q '^server 2$' answers
}

settings() {
	cat <<-END
		defaults
		  mode http
		  timeout connect 2s
		  timeout client 5s
		  timeout server 5s
		frontend tls
		  bind 127.0.0.1:8443 ssl crt /tmp/both.pem
		  default_backend servers
		backend servers
		  server one 127.0.0.1:8081
		  server two 127.0.0.1:8082
	END
}

asks() {
	printf 'GET /page.txt HTTP/1.0\r\n\r\n' |
		openssl s_client -connect 127.0.0.1:8443 -CAfile cert.pem -verify_return_error -quiet 2>/dev/null
}

main
