# shellcheck shell=bash
# The stage3: a minimal Debian with a compiler, and real Portage on top. Sourced by build.sh.

STAGE3_PACKAGES=(python3 gcc make autoconf automake libtool libltdl-dev libc6-dev patch bzip2 xz-utils zstd
	pax-utils pkgconf file ca-certificates perl gawk m4 rsync wget)
STAGE3_CHOST=x86_64-pc-linux-gnu
AUTOBUILDS=$DEST/releases/$ARCH/autobuilds
PROFILES=profiles/default/linux/amd64/23.0
# Flavour and profile, as Gentoo's stages have them. The one with two ABIs is the last: its tree gets what others lack.
FLAVOURS=("nomultilib-openrc $PROFILES/no-multilib" "openrc $PROFILES")

stage3_key() { hash_of "$HERE/stages/stage3.sh" "$HERE/stages/vdb.sh" "$HERE/portage.txt"; }

stage3_present() {
	local flavour ts
	[ -s "$WORK/stage3.ts" ] && ls "$WORK"/libc6/libc6{,-i386}_*.deb >/dev/null 2>&1 || return 1
	ts=$(cat "$WORK/stage3.ts")
	while read -r flavour _; do
		[ -s "$AUTOBUILDS/latest-stage3-$ARCH-$flavour.txt" ] &&
			[ -s "$AUTOBUILDS/$ts/stage3-$ARCH-$flavour-$ts.tar.xz" ] || return 1
	done < <(printf '%s\n' "${FLAVOURS[@]}")
}

stage3_build() {
	local tmp tree
	tmp=$(temp_dir stage3)
	tree=$tmp/tree
	stage3_wheel "$tmp"
	stage3_debian "$tree"
	stage3_keep_libc "$tree"
	stage3_bash "$tmp" "$tree"
	stage3_portage "$tmp" "$tree"
	stage3_links "$tree"
	stage3_etc "$tree"
	stage3_profile "$tree" "$PROFILES"
	in_tree "$tree" env-update >/dev/null || die "the stage3's Portage does not start (see above)"
	stage3_slim "$tree"
	vdb_records "$tree"
	stage3_publish "$tree"
	rm -rf --one-file-system "$tmp" "$WORK/debs"
}

# A command inside a tree.
in_tree() {
	local tree=$1
	shift
	beside_tree "$tree" chroot "$tree" /usr/bin/env -i HOME=/root \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin LC_ALL=C.UTF-8 "$@"
}

# beside_tree TREE COMMAND…: with mounts and processes that end with it, and in TREE/dev the machine's devices:
# in a user namespace nobody can make any.
beside_tree() {
	local code=0
	mkdir -p "$1/dev"
	# shellcheck disable=SC2016 # of the shell in there
	setpriv --pdeathsig KILL unshare -m -p -f -u -i --propagation private --kill-child -- sh -euc '
		dev=$1/dev
		shift
		mount -t tmpfs -o mode=755 dev "$dev"
		for name in null zero full random urandom tty; do
			: >"$dev/$name"
			mount --bind "/dev/$name" "$dev/$name"
		done
		exec "$@"' sh "$@" </dev/null &
	# Bash runs no trap before a command in the foreground has ended, which would be minutes.
	BOX=$!
	wait "$BOX" || code=$?
	BOX=
	return "$code"
}

# The .debs stay in a cache, so that an interrupted download goes on where it stopped.
stage3_debian() {
	local tree=$1 site packages
	site=$(debian_site)
	packages=$(IFS=, && echo "${STAGE3_PACKAGES[*]}")
	mkdir -p "$WORK/debs"
	# "lxc" is debootstrap's word for a place where no devices can be made.
	beside_tree "$tree" env container=lxc debootstrap --variant=minbase --arch="$ARCH" --include="$packages" \
		--cache-dir="$WORK/debs" --keyring="$DEBIAN_KEYRING" "$SUITE" "$tree" "$site" >"$WORK/debootstrap.log" 2>&1 ||
		die "debootstrap of $SUITE failed: see $WORK/debootstrap.log, check that apt-get update works, then run this again"
}

# sys-libs/glibc of the small repository repackages exactly this file: images get the C library they
# were linked against.
stage3_keep_libc() {
	local tree=$1 version deb
	version=$(dpkg-query --admindir="$tree/var/lib/dpkg" -W -f '${Version}' libc6)
	deb=$(find "$WORK/debs" -name "libc6_${version/:/%3a}_$ARCH.deb" | head -n 1)
	[ -n "$deb" ] || die "debootstrap left no libc6 $version in $WORK/debs: remove $WORK/debs and run this again"
	rm -rf "$WORK/libc6"
	mkdir "$WORK/libc6"
	cp "$deb" "$WORK/libc6/libc6_${version}_$ARCH.deb"
	stage3_keep_multilib "$tree" "$version"
}

# stage3_keep_multilib TREE VERSION: the same of the other ABI, of the same versions.
stage3_keep_multilib() {
	local tree=$1 version=$2 gcc_dev gcc_version
	read -r gcc_dev gcc_version < <(dpkg-query --admindir="$tree/var/lib/dpkg" -W \
		-f '${db:Status-Status} ${Package} ${Version}\n' 'libgcc-*-dev' | sed -n 's/^installed //p') ||
		die "the stage3 has no part of its compiler for programs"
	apt_ready
	mkdir "$WORK/libc6/multilib"
	stage3_download "$WORK/libc6" "libc6-i386=$version"
	stage3_download "$WORK/libc6/multilib" "libc6-dev-i386=$version" "lib32${gcc_dev#lib}=$gcc_version" "lib32gcc-s1=$gcc_version"
}

# stage3_download FOLDER PACKAGE=VERSION… or PACKAGE/SUITE
stage3_download() {
	local folder=$1
	shift
	(cd "$folder" && apt_private apt-get download "$@") >>"$APT/log" 2>&1 || die "apt does not bring $*: see $APT/log"
}

# What EAPI 9 asks for, Debian's release does not have yet. A static program fits every C library.
stage3_bash() {
	local tmp=$1 tree=$2
	apt_ready
	mkdir "$tmp/bash"
	stage3_download "$tmp/bash" "bash-static/$BASH_SUITE"
	dpkg-deb -x "$tmp"/bash/bash-static_*.deb "$tmp/bash"
	find "$tmp/bash" -name bash-static -path '*/bin/*' -exec install -m 755 {} "$tree/usr/bin/bash" ';'
	# shellcheck disable=SC2016 # of the bash in there
	in_tree "$tree" bash -c '[[ ${BASH_VERSINFO[0]} -gt 5 || ${BASH_VERSINFO[1]} -ge 3 ]]' ||
		die "the bash of Debian $BASH_SUITE is older than 5.3, which EAPI 9 asks for"
}

# Before the long part: if it cannot be had, say so at once.
stage3_wheel() {
	local tmp=$1
	pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: --require-hashes \
		--requirement "$HERE/portage.txt" --dest "$tmp/wheel" >"$WORK/pip.log" 2>&1 ||
		die "pip cannot download Portage: see $WORK/pip.log; if that version is gone, put a newer one into portage.txt"
	python3 -m zipfile -e "$tmp"/wheel/portage-*.whl "$tmp/portage"
}

# A wheel is no installed system: put its parts where Gentoo's package has them.
stage3_portage() {
	local tmp=$1 tree=$2 data version
	data=$(echo "$tmp"/portage/portage-*.data/data)
	version=$(basename "$(dirname "$data")" .data)
	version=${version#portage-}
	mkdir -p "$tree"/usr/lib/portage/lib "$tree/usr/share/portage"
	cp -r "$tmp/portage/portage" "$tmp/portage/_emerge" "$tree/usr/lib/portage/lib/"
	cp -r "$data/lib/portage/bin" "$tree/usr/lib/portage/"
	chmod -R 755 "$tree/usr/lib/portage/bin" # zip files know no modes
	cp -r "$data/share/portage/config" "$tree/usr/share/portage/"
	cp "$data"/etc/*.conf "$tree/etc/"
	# Else Portage takes itself for a module in some Python's prefix, and that prefix for EPREFIX.
	sed -i 's/"MODULE" == "MODULE"/"MODULE" == "NONE"/' "$tree/usr/lib/portage/lib/portage/installation.py"
	sed -i "s/VERSION = _LazyVersion()/VERSION = \"$version\"/" "$tree/usr/lib/portage/lib/portage/__init__.py"
	echo /usr/lib/portage/lib >"$tree/usr/lib/python3/dist-packages/portage.pth"
}

# Names that Portage and ebuilds expect and Debian does not have.
stage3_links() {
	local tree=$1 tool name
	for tool in emerge ebuild portageq quickpkg egencache emaint env-update; do
		ln -sf "../lib/portage/bin/$tool" "$tree/usr/bin/$tool"
	done
	ln -sf python3 "$tree/usr/bin/python"
	for tool in tar make sed find xargs grep; do
		ln -sf "$tool" "$tree/usr/bin/g$tool"
	done
	for tool in "$tree"/usr/bin/x86_64-linux-gnu-*; do
		name=$(basename "$tool")
		ln -sf "$name" "$tree/usr/bin/$STAGE3_CHOST-${name#x86_64-linux-gnu-}"
	done
}

stage3_etc() {
	local tree=$1
	mkdir -p "$tree"/etc/portage/repos.conf "$tree"/etc/env.d "$tree"/var/db/{pkg,repos/gentoo} \
		"$tree"/var/cache/{distfiles,binpkgs} "$tree"/var/{lib,log,tmp}/portage
	in_tree "$tree" groupadd --system -g 250 portage
	in_tree "$tree" useradd --system -u 250 -g 250 -d /var/lib/portage/home -s /bin/false portage
	cat >"$tree/etc/portage/repos.conf/gentoo.conf" <<-END
		[DEFAULT]
		main-repo = gentoo

		[gentoo]
		location = /var/db/repos/gentoo
		auto-sync = no
	END
	cat >"$tree/etc/portage/make.conf" <<-'END'
		COMMON_FLAGS="-O2 -pipe"
		CFLAGS="${COMMON_FLAGS}"
		CXXFLAGS="${COMMON_FLAGS}"
		FCFLAGS="${COMMON_FLAGS}"
		FFLAGS="${COMMON_FLAGS}"
		LC_MESSAGES=C.utf8
	END
	# env-update rewrites ld.so.conf from LDPATH. Debian's own folder must be in it, and /usr/lib64
	# too, or configure programs linked to what Portage installed cannot run.
	echo 'LDPATH="/usr/lib64:/usr/lib:/usr/lib/x86_64-linux-gnu"' >"$tree/etc/env.d/00stage"
	echo 'PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"' >>"$tree/etc/env.d/00stage"
	echo "gentoo-bb test stage: Debian $SUITE with Portage, no genuine Gentoo" >"$tree/etc/gentoo-release"
}

# Nothing of this machine stays (sources.list, resolv.conf), nor what no build reads.
stage3_slim() {
	local tree=$1
	rm -rf "$tree"/usr/share/{doc,man,info,locale,lintian,bug} "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* \
		"$tree"/var/cache/debconf/*-old "$tree"/var/log/{bootstrap.log,dpkg.log,alternatives.log,apt} \
		"$tree"/etc/apt/sources.list "$tree"/etc/{resolv.conf,hostname} "$tree"/debootstrap "$tree"/tmp/* "$tree"/run/*
	rm -rf "$tree/usr/lib/portage/lib/portage/tests"
	find "$tree" -xdev -name __pycache__ -prune -exec rm -rf {} +
	# Else the first emerge of every fresh container compiles what it imports: 1.1 s each time.
	in_tree "$tree" sh -c 'python3 -m compileall -q /usr/lib/portage/lib /usr/lib/python3.*/'
}

stage3_profile() { ln -sfn "../../var/db/repos/gentoo/$2" "$1/etc/portage/make.profile"; }

# The new build's folder appears whole, then the pointers move to it, then older builds go.
stage3_publish() {
	local tree=$1 ts out flavour profile
	ts=$(date -u +%Y%m%dT%H%M%SZ)
	out=$AUTOBUILDS/$ts.tmp.new
	mkdir -p "$out"
	while read -r flavour profile; do
		[[ $profile == */no-multilib ]] || stage3_multilib "$tree"
		stage3_profile "$tree" "$profile"
		stage3_pack "$tree" "$out" "stage3-$ARCH-$flavour-$ts.tar.xz"
	done < <(printf '%s\n' "${FLAVOURS[@]}")
	mv "$out" "$AUTOBUILDS/$ts"
	while read -r flavour _; do
		stage3_pointer "$ts/stage3-$ARCH-$flavour-$ts.tar.xz" | write_file "$AUTOBUILDS/latest-stage3-$ARCH-$flavour.txt"
	done < <(printf '%s\n' "${FLAVOURS[@]}")
	echo "$ts" | write_file "$WORK/stage3.ts"
	find "$AUTOBUILDS" -mindepth 1 -maxdepth 1 -type d ! -name "$ts" -exec rm -rf {} +
}

# The other ABI: a C library to run and to link with, and the compiler's own part. Not by apt in there, which would
# want all that a compiler may be asked for.
stage3_multilib() {
	local tree=$1 deb
	for deb in "$WORK"/libc6/multilib/*.deb "$WORK"/libc6/libc6-i386_*.deb; do
		dpkg-deb -x "$deb" "$tree"
	done
	# What Debian's scripts make when they are installed: the names that linker and programs know.
	ln -sfn usr/lib32 "$tree/lib32"
	ln -sfn ../lib32/ld-linux.so.2 "$tree/usr/lib/ld-linux.so.2"
}

# stage3_pack TREE FOLDER NAME. Device nodes are the engine's work, and unpacking them is root's alone.
stage3_pack() {
	tar -C "$1" --exclude='./dev/*' --sort=name --numeric-owner --xattrs --xattrs-include='*' -cvvf - . \
		2>"$2/$3.CONTENTS" | xz -T0 -1 >"$2/$3"
	gzip -9n "$2/$3.CONTENTS"
	(cd "$2" && stage3_sign "$3")
}

stage3_sign() {
	local name=$1 file
	detached "$name" "$name.asc"
	for file in "$name" "$name.CONTENTS.gz"; do
		echo "# BLAKE2B HASH" && b2sum "$file"
		echo "# SHA512 HASH" && sha512sum "$file"
	done >"$name.DIGESTS"
	clearsigned "$name.DIGESTS"
	{ echo "# SHA256 HASH" && sha256sum "$name"; } >"$name.sha256"
	clearsigned "$name.sha256"
}

stage3_pointer() {
	local text=$WORK/latest.tmp.txt
	{
		echo "# Latest as of $(date -u -R)"
		echo "# ts=$(date +%s)"
		echo "$1 $(stat -c %s "$AUTOBUILDS/$1")"
	} >"$text"
	clearsigned "$text"
	cat "$text"
	rm "$text"
}
