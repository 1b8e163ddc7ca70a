# Another one, with TLS and passwords.
# shellcheck shell=dash
set -eu

main() {
	mkdir /tmp/tls
	cd /tmp/tls
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null
	mosquitto_passwd -b -c passwords someone secret 2>/dev/null
	chown -R mosquitto:mosquitto /tmp/tls
	printf '%s\n' 'user mosquitto' 'listener 8883 127.0.0.1' 'certfile /tmp/tls/cert.pem' 'keyfile /tmp/tls/key.pem' \
		'allow_anonymous false' 'password_file /tmp/tls/passwords' >tls.conf
	mosquitto -c tls.conf -d
	sleep 1
	say -u someone -P secret
	for wrong in '-u someone -P wrong' '-u other -P secret' ''; do
		# shellcheck disable=SC2086 # words of a command
		! say $wrong 2>/dev/null || exit 1
	done
}

say() { mosquitto_pub -h localhost -p 8883 --cafile cert.pem -t greeting -m hello "$@"; }

main
