# Settings of its own, with a zone that is signed: what its key has signed is believed, and what it has not is not.
# shellcheck shell=dash
set -eu

main() {
	settings >/etc/unbound/conf.d/test.conf
	zone >/etc/unbound/conf.d/signed.zone
	unbound-checkconf >/dev/null
	unbound-control -q reload
	answers good.signed.test | grep -q '^Address: 10.1.2.3$'
	answers bad.signed.test | grep -q SERVFAIL
}

# What is asked for while it reads its settings is lost.
answers() {
	local tries=0
	until nslookup -type=a "$1" 127.0.0.1 >/tmp/answer 2>&1 || grep -q SERVFAIL /tmp/answer; do
		tries=$((tries + 1))
		[ $tries -lt 20 ] || { cat /tmp/answer >&2; exit 1; }
		sleep 0.2
	done
	cat /tmp/answer
}

settings() {
	cat <<-END
		server:
		  local-zone: "test." nodefault
		  trust-anchor: "signed.test. DS 58310 15 2 de7a2c8c217b282c1f35ca273386a649afcd9da9101454c4cfbece9a6a50dd85"
		auth-zone:
		  name: "signed.test."
		  zonefile: /etc/unbound/conf.d/signed.zone
		  for-downstream: no
	END
}

# Signed with Ed25519, until 2085. The address of `bad` was 10.1.2.4 then.
zone() {
	cat <<-'END'
		$ORIGIN signed.test.
		$TTL 3600
		@ SOA ns hostmaster 1 3600 600 86400 3600
		@ RRSIG SOA 15 2 3600 20850101000000 20200101000000 58310 @ (
		  VV36WAR7Y35MBxj82mOMCdbAzaDhuGoSwyPNOSerw1szOeFDkntQ4gizuUcCdAiq0TqhUZYSErOlZn1M+NrrDQ== )
		@ NS ns
		@ RRSIG NS 15 2 3600 20850101000000 20200101000000 58310 @ (
		  tJWT3jFzDxXvmS4UGqTImOsdnbCLFWYJKt5VOfUqdKWpbHg89L6bzG7K/cuSJqIigNlWwIjTHt/EmAOkY3ZsDw== )
		@ DNSKEY 257 3 15 oaQgsLhISKXo0vPdZcki4FP5v0eIlvR2THWmlopiqVw=
		@ RRSIG DNSKEY 15 2 3600 20850101000000 20200101000000 58310 @ (
		  UZ5XSN2VDeLDiK/XnxVsDZ2GIgA4NVShkHFmEtleL0BxXeQbssAEq8bxILR1+oE36TUkcZWms0qaFSs9sJJhCQ== )
		good A 10.1.2.3
		good RRSIG A 15 3 3600 20850101000000 20200101000000 58310 @ (
		  KFn+R26b0FORM1WHzhpYh9u++CYdmDCSyI7twaAAOhv2o70K95XnU+YH5UveLvFEfRYPe6dGd7cObgAkiR6lBg== )
		bad A 10.6.6.6
		bad RRSIG A 15 3 3600 20850101000000 20200101000000 58310 @ (
		  ZyMkQNZuT3ZPiGBdj0tAzMVeP6wmMrCif9+NscOrQlMu8iit4fHbh714PeU17qqSakmLBlFw3i3CnYb3nI/fBw== )
	END
}

main
