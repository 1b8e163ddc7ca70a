# shellcheck shell=bash
# Shared by build.sh and the stages: messages, lock, stamps, tools, signing. Sourced, never run.

REDONE=
# The process whose end is the end of all in its namespaces; it heeds no other signal than KILL.
BOX=

say() { printf 'mirror: %s\n' "$*" >&2; }
# die MESSAGE [HINT]
die() {
	printf 'mirror: error: %s\n' "$1" >&2
	[ $# = 1 ] || printf 'mirror: hint: %s\n' "$2" >&2
	exit 1
}

# ---- who runs it

# A user's own root: a namespace in which he is root, and the range of ids that he has are all the others.
# What he makes in there belongs to them outside, so only in there all of it can be removed.
OWN_ROOT=(unshare --map-root-user --map-auto)

# be_root ARGUMENT…: an ordinary user goes on as that root, with the same arguments.
be_root() {
	[ "$(id -u)" = 0 ] || exec "${OWN_ROOT[@]}" bash "$HERE/build.sh" "$@"
}

# Root has all ids. Others are told at once what they lack.
ensure_ids() {
	local user refused
	[ "$(id -u)" != 0 ] || return 0
	user=$(id -un)
	if ! has_range "$user" /etc/subuid || ! has_range "$user" /etc/subgid; then
		die "the user \`$user\` has no range of 65536 ids in \`/etc/subuid\` and \`/etc/subgid\`" \
			"\`usermod --add-subuids 200000-265535 --add-subgids 200000-265535 $user\` as root gives one, if those are free"
	fi
	refused=$("${OWN_ROOT[@]}" true 2>&1) ||
		die "this machine refuses a user namespace to \`$user\`: $refused" \
			"\`/sbin/sysctl -ar 'userns|user_namespaces'\` shows what forbids it; root needs none"
}

# has_range USER FILE: the first line that is his is the one that counts.
has_range() {
	awk -F: -v name="$1" -v id="$(id -u)" '$1 == name || $1 == id { many = $3 >= 65536; exit } END { exit !many }' "$2" 2>/dev/null
}

# Held until this process ends. A second run waits, then finds the stamps of the first.
lock() {
	exec 9>"$WORK/lock"
	flock -n 9 || { say "another run holds $WORK/lock, waiting for it"; flock 9; }
}

# Everything half-made has a name with .tmp. in it; with the lock held, nobody is at work on those.
clean_leftovers() {
	find "$DEST" "$WORK" -name '*.tmp.*' -prune -exec rm -rf --one-file-system {} +
}

end_box() { [ -z "$BOX" ] || kill -KILL "$BOX"; }

# temp_dir NAME: an empty folder that the next run clears away if this one is interrupted.
temp_dir() { mktemp -d "$WORK/$1.tmp.XXXXXX"; }

# stage NAME KEY FUNCTION: runs FUNCTION unless the stamp says it was done with the same inputs.
# FUNCTION runs in a process of its own, so that set -e and its traps work inside.
stage() {
	local name=$1 key=$2 function=$3 started=$SECONDS
	if [ "$(cat "$STAMPS/$name" 2>/dev/null)" = "$key" ] && "${name}_present"; then return; fi
	say "$name …"
	rm -f "$STAMPS/$name"
	"$function"
	mkdir -p "$STAMPS"
	echo "$key" | write_file "$STAMPS/$name"
	REDONE+=" $name ($((SECONDS - started)) s)"
}

# Standard input to a file that is either the old or the whole new one.
write_file() {
	local tmp
	tmp=$(mktemp "$(dirname "$1")/$(basename "$1").tmp.XXXXXX")
	cat >"$tmp"
	chmod 644 "$tmp"
	mv -f "$tmp" "$1"
}

# hash_of PATH…: one hash over names, modes and contents; folders are walked.
hash_of() {
	local path
	for path; do
		(cd "$(dirname "$path")" && find "$(basename "$path")" -type f -printf '%p %m\n' -exec sha256sum {} +)
	done | sort | sha256sum | cut -d' ' -f1
}

# ---- tools

# command:Debian package
TOOLS="debootstrap:debootstrap gpg:gnupg gpg-agent:gpg-agent xz:xz-utils bzip2:bzip2 tar:tar python3:python3
	pip:python3-pip flock:util-linux unshare:util-linux setpriv:util-linux b2sum:coreutils rsync:rsync dpkg-deb:dpkg"

# missing_tools COMMAND:PACKAGE…: the packages of those that are missing, and of ours.
missing_tools() {
	local tool
	[ "$(id -u)" = 0 ] || set -- newuidmap:uidmap "$@"
	for tool in $TOOLS "$@"; do
		command -v "${tool%%:*}" >/dev/null || echo "${tool#*:}"
	done
	[ -e "$DEBIAN_KEYRING" ] || echo debian-archive-keyring
}

# ensure_tools COMMAND:PACKAGE…: root installs what is missing; who may not is told its names.
ensure_tools() {
	local missing
	# Debian has debootstrap where only root looks.
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
	command -v apt-get >/dev/null || die "this needs apt-get with Debian's archive in its configuration: use a Debian machine or container"
	missing=$(missing_tools "$@" | sort -u | xargs)
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || die "missing packages: $missing" "\`sudo apt-get install $missing\`"
	install_tools "$missing"
}

install_tools() {
	local log
	log=$(mktemp "${TMPDIR:-/tmp}/bb-tools.XXXXXX")
	say "installing $1"
	# shellcheck disable=SC2086
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
		install -y --no-install-recommends $1; } </dev/null >"$log" 2>&1 ||
		die "could not install $1: run 'apt-get install $1' by hand (log: $log)"
	rm -f "$log"
}

# ---- apt

DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# shellcheck disable=SC2034 # of the stages
SUITE=trixie FORMER_SUITE=bookworm BASH_SUITE=forky

# The address of Debian's archive (or, with Debian-Security, of its security archive), as this machine's
# own apt knows it. No address of a registry is written down anywhere here.
apt_site() {
	# shellcheck disable=SC2016 # apt puts the address there
	set -- indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' "Label: $1"
	{ apt-get "$@"; apt_fresh "$@"; } 2>/dev/null | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }'
}

# The machine's configuration with lists of our own, if there are any: its lists may be empty, and only root may fill them.
apt_fresh() {
	[ -d "$WORK/apt-lists" ] || return 0
	apt-get -o Dir::State::lists="$WORK/apt-lists" -o Dir::Cache="$WORK/apt-cache" -o APT::Sandbox::User=root "$@"
}

debian_site() {
	local site
	site=$(apt_site Debian)
	if [ -z "$site" ]; then
		mkdir -p "$WORK"/apt-lists/partial "$WORK"/apt-cache/archives/partial
		apt_fresh update >"$WORK/apt.log" 2>&1 || true
		site=$(apt_site Debian)
	fi
	[ -n "$site" ] || die "apt knows no Debian archive here: add one to /etc/apt/sources.list and run apt-get update"
	echo "$site"
}

# ---- signing

# The secret key is kept as one file; every run imports it into a folder with a short name, because
# gpg-agent's socket lies in there and a socket's path may have 107 characters at most.
signing_key() {
	# The name begins alike for this DEST, so that a killed run's folder is found again. It is another one each time:
	# that run's agent ends when its folder goes, and removes sockets by their names.
	export GNUPGHOME
	GNUPGHOME=/tmp/bb-gpg-$(echo "$WORK" | sha256sum | cut -c1-12)
	rm -rf "$GNUPGHOME"*
	GNUPGHOME=$(mktemp -d "$GNUPGHOME.XXXXXX")
	trap 'end_box; gpgconf --kill all >/dev/null 2>&1; rm -rf "$GNUPGHOME"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	[ -s "$WORK/secret-key.asc" ] || make_key
	gpg_batch --import "$WORK/secret-key.asc" 2>/dev/null ||
		die "gpg cannot read $WORK/secret-key.asc" "remove it: another key is made, and all is signed anew"
	FINGERPRINT=$(gpg_batch --with-colons --list-secret-keys | awk -F: '$1 == "fpr" { print $10; exit }')
	[ -s "$DEST/key.asc" ] || gpg_batch --armor --export "$FINGERPRINT" | write_file "$DEST/key.asc"
	[ -s "$DEST/fingerprint" ] || echo "$FINGERPRINT" | write_file "$DEST/fingerprint"
}

# Without the lock's descriptor: the agent that gpg starts may outlive us.
gpg_batch() { gpg --batch --yes --quiet --no-tty --pinentry-mode loopback --passphrase '' "$@" 9>&-; }

# As Gentoo's own keys: an RSA primary that only certifies, and a subkey that signs.
make_key() {
	local fingerprint
	say "making a throwaway OpenPGP key"
	gpg_batch --quick-gen-key 'gentoo-bb test mirror (throwaway) <mirror@gentoo-bb.invalid>' rsa4096 cert never
	fingerprint=$(gpg_batch --with-colons --list-secret-keys | awk -F: '$1 == "fpr" { print $10; exit }')
	gpg_batch --quick-add-key "$fingerprint" rsa4096 sign never
	rm -f "$DEST/key.asc" "$DEST/fingerprint" "$STAMPS"/{stage3,snapshot}
	(umask 077 && gpg_batch --armor --export-secret-keys "$fingerprint" >"$WORK/secret-key.asc.tmp.new")
	mv "$WORK/secret-key.asc.tmp.new" "$WORK/secret-key.asc"
}

# detached FILE SIGNATURE (armored); clearsigned FILE (in place)
detached() { gpg_batch --digest-algo SHA512 --armor --output "$2" --detach-sign "$1"; }
clearsigned() { gpg_batch --digest-algo SHA512 --output "$1.signed" --clearsign "$1" && mv "$1.signed" "$1"; }
