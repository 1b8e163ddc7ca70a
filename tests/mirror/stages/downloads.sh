# shellcheck shell=bash
# Upstream's sources and a few .debs, through an apt of our own beside the machine's. Sourced by build.sh.
# What is there once is not asked for again. Leaves $WORK/dl/FILE and $WORK/versions.

DL=$WORK/dl
APT=$WORK/apt

# A new stage3 may bring another C library, hence its part in the key.
downloads_key() {
	{
		hash_of "$HERE/stages/downloads.sh" "$HERE/sources.txt" "$WORK/libc6"
		find "$HERE/repo" -name '*.ebuild' -printf '%P\n' | sort
	} | sha256sum | cut -d' ' -f1
}

downloads_present() {
	local ebuild version file
	[ -s "$WORK/versions" ] || return 1
	while read -r ebuild version file; do
		[ -s "$DL/$file" ] || return 1
	done <"$WORK/versions"
}

downloads_build() {
	local ebuild kind name pattern versions=$WORK/versions.tmp.new
	mkdir -p "$DL"
	: >"$versions"
	while read -r ebuild kind name pattern <&3; do
		"download_$kind" "$ebuild" "$name" "$pattern" >>"$versions"
	done 3< <(sources)
	downloads_agree "$versions"
	mv "$versions" "$WORK/versions"
	downloads_prune
}

sources() { grep -v '^#' "$HERE/sources.txt"; }

# Two .debs of one ebuild must be of one version.
downloads_agree() {
	local twice
	twice=$(cut -d' ' -f1,2 "$1" | sort -u | cut -d' ' -f1 | uniq -d | xargs)
	[ -z "$twice" ] || die "the files of $twice are of different versions: change the names in sources.txt (found: $1)"
}

downloads_prune() {
	local file
	for file in "$DL"/*; do
		grep -q " $(basename "$file")\$" "$WORK/versions" || rm -f "$file"
	done
}

# The version in an ebuild's file name, without Gentoo's revision.
ebuild_version() {
	local file
	file=$(find "$HERE/repo/$1" -name '*.ebuild' | head -n 1)
	[ -n "$file" ] || die "sources.txt names $1, but repo/ has no ebuild of that name"
	basename "$file" .ebuild | sed -E "s/^$(basename "$1")-//; s/-r[0-9]+\$//"
}

# ---- the three kinds. Each prints "ebuild version distfile".

download_stage() {
	local deb version file
	deb=$(echo "$WORK/libc6/$2"_*.deb)
	version=$(dpkg-deb -f "$deb" Version)
	version=$(gentoo_version "$version")
	file=${3//@PV@/$version}
	cp "$deb" "$DL/$file.tmp.new" && mv "$DL/$file.tmp.new" "$DL/$file"
	echo "$1 $version $file"
}

# 2.41-12+deb13u5 → 2.41_p12_p5: this package's own patches matter, so its revision is in the version.
gentoo_version() { echo "$1" | sed -E 's/^[0-9]+://; s/-/_p/; s/\+deb[0-9]+u/_p/; s/[^0-9a-z._].*//'; }

download_source() { download_one "$@" source_versions fetch_source; }
download_deb() { download_one "$@" deb_versions fetch_deb; }

# download_one EBUILD NAME PATTERN LIST FETCH: the version the ebuild has, else the newest that comes.
download_one() {
	local ebuild=$1 name=$2 pattern=$3 list=$4 fetch=$5 wanted candidate version file
	wanted=$(ebuild_version "$ebuild")
	file=${pattern//@PV@/$wanted}
	if [ -s "$DL/$file" ]; then
		echo "$ebuild $wanted $file"
		return
	fi
	apt_ready
	while read -r candidate; do
		version=$(upstream_version "$candidate")
		file=${pattern//@PV@/$version}
		"$fetch" "$name" "$candidate" "$file" || continue
		[ "$version" = "$wanted" ] || say "$ebuild is $version here, not $wanted: that is what the registry serves"
		echo "$ebuild $version $file"
		return
	done < <("$list" "$name" | wanted_first "$wanted")
	die "the registry serves no version of $name: see $APT/log, put another kind or name into sources.txt"
}

# 1:1.3.dfsg+really1.3.1-1+deb13u1 → 1.3.1, 2.1.13-stable-1 → 2.1.13, 6.5+20250216-2 → 6.5_p20250216,
# 1.18.2+dfsg-7 → 1.18.2, 1:10.0p1-7 → 10.0_p1, 2025080400~deb13u1 → 2025080400
upstream_version() {
	echo "$1" | sed -E 's/^[0-9]+://; s/-[^-]*$//; s/.*\+really//; s/-stable$//; s/[+~]deb[0-9]+u[0-9]+$//; s/\+dfsg[0-9]*$//
		s/\+([0-9]+)$/_p\1/; s/^([0-9.]+)p([0-9]+)$/\1_p\2/'
}

# Debian's versions, those of the wanted upstream version first, each group the newest first.
wanted_first() {
	sort -rVu | while read -r candidate; do
		if [ "$(upstream_version "$candidate")" = "$1" ]; then echo "0 $candidate"; else echo "1 $candidate"; fi
	done | sort -s -k1,1 | cut -d' ' -f2
}

source_versions() { apt_private apt-cache showsrc --only-source "$1" 2>>"$APT/log" | sed -n 's/^Version: //p'; }
# Of the suite after the stage's, bash is all that is wanted.
deb_versions() {
	apt_private apt-cache madison "$1" 2>>"$APT/log" |
		awk -F'|' -v other=" $BASH_SUITE/" '/Packages$/ && !index($3, other) { gsub(/ /, "", $2); print $2 }'
}

# apt checks what it downloads against the signed index. Both fail quietly: the next candidate's turn.
fetch_source() {
	fetch_into "$3" "*.orig.tar.*[!c]" apt-get source --download-only --tar-only "$1=$2"
}
fetch_deb() {
	fetch_into "$3" "*.deb" apt-get download "$1=$2"
}

# fetch_into FILE GLOB COMMAND…: runs apt in an empty folder and moves the one file that matches.
fetch_into() {
	local file=$1 glob=$2 tmp found
	shift 2
	tmp=$(temp_dir fetch)
	(cd "$tmp" && apt_private "$@") >>"$APT/log" 2>&1 || { rm -rf "$tmp"; return 1; }
	found=$(find "$tmp" -name "$glob" | head -n 1)
	[ "${found##*.}" = "${file##*.}" ] || die "apt brings $(basename "${found:-nothing}"), but sources.txt says $file"
	mv "$found" "$DL/$file"
	rm -rf "$tmp"
}

# ---- an apt with lists of its own: the machine's configuration and addresses, the stage's suite

apt_private() {
	local command=$1
	shift
	"$command" -o Dir::State="$APT" -o Dir::State::lists="$APT/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$APT/cache" -o Dir::Etc::sourcelist="$APT/mirror.sources" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Sandbox::User=root "$@"
}

APT_IS_READY=
apt_ready() {
	[ -z "$APT_IS_READY" ] || return 0
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	: >"$APT/log"
	apt_sources >"$APT/mirror.sources"
	apt_private apt-get update >>"$APT/log" 2>&1 ||
		die "apt-get update of $SUITE failed: see $APT/log, check that apt-get update works here, then run this again"
	APT_IS_READY=yes
}

# Security updates too, where this machine knows their archive: some sources are served only there. And sources of the
# release before: of some packages that has the one which is served. The release after has the stage's bash.
apt_sources() {
	local security
	apt_source 'deb deb-src' "$(debian_site)" "$SUITE $SUITE-updates"
	security=$(apt_site Debian-Security)
	[ -z "$security" ] || apt_source 'deb deb-src' "$security" "$SUITE-security"
	apt_source deb-src "$(debian_site)" "$FORMER_SUITE"
	apt_source deb "$(debian_site)" "$BASH_SUITE"
}

# apt_source TYPES SITE SUITES
apt_source() {
	printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' "$1" "$2" "$3" "$DEBIAN_KEYRING"
}
