# shellcheck shell=bash
# Portage's records of what a stage3 has, by what dpkg knows of it. Sourced by build.sh.
#
# As in Gentoo, the stage3's Portage knows its C library, its compiler and the tools that ebuilds may ask for: it adds
# the C library to what each package needs at run time, and compiles nothing that is there already. Libraries are not
# recorded: Debian's are in places of their own, so those that ebuilds link to are compiled.

# vdb_records TREE: one record after the other. Names and slots are Gentoo's.
vdb_records() {
	local tree=$1 gcc
	gcc=$(basename "$(readlink "$tree/usr/bin/gcc")")
	gcc=${gcc##*-}
	vdb_record "$tree" sys-libs/glibc 2.2 libc6 libc6-dev libc-bin
	vdb_record "$tree" sys-devel/gcc "$gcc" "gcc-$gcc-x86-64-linux-gnu" "cpp-$gcc-x86-64-linux-gnu" "libgcc-$gcc-dev" libgcc-s1
	vdb_record "$tree" sys-devel/binutils 0 binutils-x86-64-linux-gnu
	vdb_record "$tree" sys-kernel/linux-headers 0 linux-libc-dev
	# By its former name: the tree has another one, as a stage3 of last week may.
	vdb_record "$tree" sys-devel/make 0 make
	vdb_record "$tree" dev-lang/perl 0 perl-base
	vdb_record "$tree" dev-lang/python 3 python3-minimal
	vdb_entry "$tree" "app-shells/bash-$(bash_version "$tree")" 0 <<<"$(dpkg-query --admindir="$tree/var/lib/dpkg" -L bash)"
	vdb_record "$tree" app-misc/pax-utils 0 pax-utils
	vdb_record "$tree" dev-util/pkgconf 0 pkgconf-bin pkgconf
	vdb_virtual "$tree" virtual/libc-1-r1 sys-libs/glibc:2.2
	vdb_virtual "$tree" virtual/pkgconfig-3 dev-util/pkgconf
	# Only so that ebuilds are content: bb reads tmpfiles.d itself.
	vdb_entry "$tree" sys-apps/systemd-utils-257 0 </dev/null
	echo tmpfiles | tee -a "$tree/var/db/pkg/sys-apps/systemd-utils-257/USE" >"$tree/var/db/pkg/sys-apps/systemd-utils-257/IUSE"
	vdb_virtual "$tree" virtual/tmpfiles-0-r5 'sys-apps/systemd-utils[tmpfiles]'
	vdb_portage "$tree"
}

# bash_version TREE: as Gentoo's packages have it, 5.3_p9. It is not dpkg's: see stage3_bash.
bash_version() {
	# shellcheck disable=SC2016 # of the bash in there
	in_tree "$1" bash -c 'echo "${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}_p${BASH_VERSINFO[2]}"'
}

# vdb_record TREE PACKAGE SLOT DEB…: of the version of the first.
vdb_record() {
	local tree=$1 package=$2 slot=$3 version
	shift 3
	version=$(dpkg-query --admindir="$tree/var/lib/dpkg" -W -f '${Version}' "$1")
	vdb_entry "$tree" "$package-$(gentoo_version "$version")" "$slot" <<<"$(dpkg-query --admindir="$tree/var/lib/dpkg" -L "$@")"
}

vdb_virtual() {
	vdb_entry "$1" "$2" 0 </dev/null
	echo "$3" >"$1/var/db/pkg/$2/RDEPEND"
}

vdb_portage() {
	local tree=$1 version
	version=$(sed -n 's/^ *VERSION = "\([0-9.]*\)"$/\1/p' "$tree/usr/lib/portage/lib/portage/__init__.py" | head -n 1)
	[ -n "$version" ] || die "the stage3's Portage does not say which version it is"
	(cd "$tree" && find ./usr/lib/portage -type f ! -name '*.pyc' | sort | cut -c2-) | vdb_entry "$tree" "sys-apps/portage-$version" 0
}

# vdb_entry TREE CPV SLOT: its files on standard input, as dpkg lists them.
vdb_entry() {
	local tree=$1 cpv=$2 slot=$3 folder=$1/var/db/pkg/$2 name value
	mkdir -p "$folder"
	vdb_contents "$tree" >"$folder/CONTENTS"
	while read -r name value; do
		echo "$value" >"$folder/$name"
	done <<-END
		CATEGORY ${cpv%%/*}
		PF ${cpv#*/}
		SLOT $slot
		EAPI 8
		KEYWORDS amd64
		LICENSE GPL-2
		CHOST $STAGE3_CHOST
		DESCRIPTION Of Debian $SUITE
		repository gentoo
		BUILD_TIME 1262304000
		COUNTER 1
		USE amd64 elibc_glibc kernel_linux
	END
}

# Lines as Portage writes them, of what is really there: `dir PATH`, `obj PATH MD5 SECONDS`, `sym PATH -> TARGET SECONDS`.
vdb_contents() {
	local tree=$1 path
	sort -u | while IFS= read -r path; do
		# A blank line stands between two packages, and all have the root.
		[ -n "${path#/.}" ] || continue
		if [ -L "$tree$path" ]; then
			echo "sym $path -> $(readlink "$tree$path") 1262304000"
		elif [ -d "$tree$path" ]; then
			echo "dir $path"
		elif [ -f "$tree$path" ]; then
			echo "obj $path $(md5sum <"$tree$path" | cut -d' ' -f1) 1262304000"
		fi
	done
}
