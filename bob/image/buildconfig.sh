# What a Buildconfig.sh may call, in configure_rootfs_build and finish_rootfs_build. Sourced by
# build-root. Settings hold for the image and for those built on it; every function may be called again
# with the same arguments.
# shellcheck shell=bash disable=SC2046 # lists of packages are split on purpose

# A dock's settings go into files of this name; those of its parents are in another, read before it.
BOB_PORTAGE=/etc/portage
BOB_OWN=zz-bob
BOB_PARENTS=zy-bob-parents
BOB_SETTINGS="package.use package.keywords package.accept_keywords package.mask package.unmask package.license package.env"
# Where they travel in the sysroot.
BOB_INHERITED=$EMERGE_ROOT/var/lib/bob/portage

# bob_setting FOLDER LINE: one line for one of /etc/portage's folders, once, and where it was asked for.
bob_setting() {
	local place
	# Portage's list of variables is in the keys of packages, as it is.
	[ "$1" = package.env ] || place=$(bob_caller)
	bob_settings_folder "$1"
	# Not in a pipe, where grep's haste might be a failure.
	grep -qxF -- "$2" <<<"$(bob_settings "$BOB_PORTAGE/$1/$BOB_OWN")" ||
		echo "$2${place:+ # $place}" >>"$BOB_PORTAGE/$1/$BOB_OWN"
}

# bob_settings FILE: its lines, each with an end, without the places, which are no part of what is set.
bob_settings() { [ ! -e "$1" ] || sed -e 's/ # [^#]*:[0-9]*$//' -e "\$a\\" "$1"; }

# The place in the dock's files that has called one of the functions here; none in somebody's own shell.
bob_caller() {
	local at file
	for ((at = 1; at < ${#BASH_SOURCE[@]}; at++)); do
		file=${BASH_SOURCE[at]}
		if [ "${file%/*}" != "$LIB" ]; then
			file=${file#./}
			echo "${file#/config/}:${BASH_LINENO[at - 1]}"
			return
		fi
	done
}

# A stage3 may have a plain file where a folder is possible as well.
bob_settings_folder() {
	local folder="$BOB_PORTAGE/$1"
	if [ -f "$folder" ]; then
		mv "$folder" "$folder.stage3" && mkdir "$folder" && mv "$folder.stage3" "$folder/00-stage3"
	fi
	mkdir -p "$folder"
}

# Takes back what an earlier run in this container has set, and starts from the parents' settings: with
# other USE flags than theirs, what they have compiled would not fit, and be compiled again.
bob_inherit_settings() {
	local name
	for name in $BOB_SETTINGS; do
		bob_settings_folder "$name"
		rm -f "$BOB_PORTAGE/$name/$BOB_OWN" "$BOB_PORTAGE/$name/$BOB_PARENTS"
		[ ! -e "$BOB_INHERITED/$name" ] || cp "$BOB_INHERITED/$name" "$BOB_PORTAGE/$name/$BOB_PARENTS"
	done
	mkdir -p "$BOB_PORTAGE/env" "$BOB_PORTAGE/profile"
	rm -f "$BOB_PORTAGE"/env/bob-*
	[ ! -s "$BOB_PORTAGE/profile/package.provided" ] || : >"$BOB_PORTAGE/profile/package.provided"
	[ ! -e "$BOB_INHERITED/env" ] || cp -r "$BOB_INHERITED/env" "$BOB_PORTAGE/"
	[ -z "$(bob_appended)" ] || sed -i '/^source .*\/bob\/make\.conf$/q' "$BOB_PORTAGE/make.conf"
	[ ! -e "$BOB_INHERITED/make.conf" ] || cat "$BOB_INHERITED/make.conf" >>"$BOB_PORTAGE/make.conf"
	[ ! -e "$BOB_INHERITED/package.provided" ] || provide_package $(cat "$BOB_INHERITED/package.provided")
}

# What docks have put behind the builder's own lines.
bob_appended() { sed '1,/^source .*\/bob\/make\.conf$/d' "$BOB_PORTAGE/make.conf"; }

# bob_docks_files NAME: files of this list that docks have written, in the order in which Portage reads them. A stage3's
# own is not, though it may have got another name here.
bob_docks_files() {
	find "$BOB_PORTAGE/$1" -name '.?*' -prune -o -xtype f ! -name '*~' ! -name 00-stage3 -print 2>/dev/null |
		LC_ALL=C sort | grep -vxFf /usr/lib/bob/settings || true
}

# For the children: also what a hook has written by itself.
bob_bequeath_settings() {
	local name file to
	rm -rf "$BOB_INHERITED"
	mkdir -p "$BOB_INHERITED"
	for name in $BOB_SETTINGS; do
		bob_docks_files "$name" | while read -r file; do bob_settings "$file"; done >"$BOB_INHERITED/$name"
	done
	bob_appended >"$BOB_INHERITED/make.conf"
	# Some file systems say 0 of an empty folder, too.
	find "$BOB_INHERITED" -type f -size 0 -delete
	bob_docks_files env | while read -r file; do
		to="$BOB_INHERITED/env/${file#"$BOB_PORTAGE/env/"}"
		mkdir -p "${to%/*}" && cp "$file" "$to"
	done
	[ ! -s "$BOB_PORTAGE/profile/package.provided" ] || cp "$BOB_PORTAGE/profile/package.provided" "$BOB_INHERITED/"
	bob_bequeath_words requires-exclude "${REQUIRES_EXCLUDE:-}"
	bob_bequeath_words keep-if-needed "${KEEP_IF_NEEDED:-}"
}

bob_bequeath_words() {
	[ -z "${2//[[:space:]]/}" ] || tr -s '[:space:]' '\n' <<<"$2" | sed '/^$/d' | sort -u >"$BOB_INHERITED/$1"
}

# update_use 'category/package' +flag -flag flag: USE flags, in the builder and in the image. Without a package, as
# in kubler, they are for all.
update_use() {
	local flag line
	case $1 in
	[+-]*) line='*/*' ;;
	*) line=$1 && shift ;;
	esac
	for flag; do line+=" ${flag#+}"; done
	bob_setting package.use "$line"
}

# update_keywords 'category/package' '~amd64'; a leading + is allowed.
update_keywords() {
	local line=$1 word
	shift
	for word; do line+=" ${word#+}"; done
	bob_setting package.accept_keywords "$line"
}

# accept_license 'category/package' LICENSE…
accept_license() { bob_setting package.license "$*"; }

# mask_package '>=category/package-2'; unmask_package the same.
mask_package() { bob_setting package.mask "$1"; }
unmask_package() { bob_setting package.unmask "$1"; }

# package_env 'category/package' NAME=VALUE…: build variables for one package, e.g. CFLAGS.
package_env() {
	local atom=$1 file setting
	shift
	file="bob-${atom//[^a-zA-Z0-9]/_}"
	for setting; do printf '%s="%s"\n' "${setting%%=*}" "${setting#*=}"; done >"$BOB_PORTAGE/env/$file"
	bob_setting package.env "$atom $file"
}

# provide_package category/package-version…: Portage takes it for installed, in the builder and in the
# image, without anything being there. For dependencies that an image can do without. Without a version it is the one
# that would be installed.
provide_package() {
	local cpv
	# package.provided is forbidden in profiles of EAPI 7 and later.
	rm -f "$BOB_PORTAGE/profile/eapi"
	for cpv; do
		cpv=$(bob_versioned "$cpv")
		grep -qsxF -- "$cpv" "$BOB_PORTAGE/profile/package.provided" || echo "$cpv" >>"$BOB_PORTAGE/profile/package.provided"
	done
}

# A package that nobody has gets a version that is higher than what anybody asks for.
bob_versioned() {
	local version='-[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|p)[0-9]*)*(-r[0-9]+)?$' best
	if [[ ! $1 =~ $version ]]; then
		best=$(portageq best_visible / "$1" 2>/dev/null) || true
		set -- "${best:-$1-9999}"
	fi
	echo "$1"
}

# unprovide_package category/package…: what a parent has provided only, this image installs.
unprovide_package() {
	local name file="$BOB_PORTAGE/profile/package.provided"
	[ -e "$file" ] || return 0
	for name; do
		sed -i "\\%^${name//./\\.}\\(-[0-9].*\\)\\?\$%d" "$file"
	done
}

# add_patch category/package URL [NAME]: a patch that Portage applies, which [rootfs] fetch of dock.toml has put
# below /config/fetched.
add_patch() {
	local name=${3:-${2##*/}} folder="$BOB_PORTAGE/patches/$1"
	[[ $name == *.patch || $name == *.diff ]] || name+=.patch
	download_file "$2" "$name"
	mkdir -p "$folder"
	cp "$__download_file" "$folder/$name"
}

# download_file URL [NAME]: as in kubler, __download_file is where the file is. It is fetched before, by [rootfs] fetch
# of dock.toml.
download_file() {
	local name=${2:-${1##*/}}
	__download_file="/config/fetched/$name"
	[ ! -e "$__download_file" ] || return 0
	echo "download_file: there is no $__download_file: [rootfs] fetch of dock.toml puts verified files there" >&2
	return 1
}

# sed-or-die REGEX TEXT FILE [DELIMITER]: replaces all that matches, and fails where nothing does.
sed-or-die() {
	local by=${4:-%}
	[ -f "$3" ] || { echo "sed-or-die: there is no file $3" >&2; return 1; }
	grep -q -- "$1" "$3" || { echo "sed-or-die: nothing in $3 matches $1" >&2; return 1; }
	sed -i "s$by$1$by$2${by}g" "$3"
}

# is_package_installed category/package: whether the image (with its parents) has it.
is_package_installed() { portageq has_version "$EMERGE_ROOT" "$1"; }

# uninstall_package ATOM…: out of the image again, without asking who needs it.
uninstall_package() { ROOT="$EMERGE_ROOT" command emerge --quiet --rage-clean "$@"; }

# emerge WORDS: in finish_rootfs_build it is about the image, as everything there; before, about the builder.
emerge() {
	if [ "$BOB_RUNS" != finish_rootfs_build ]; then
		command emerge "$@"
	elif [[ " $* " =~ \ (-[a-zA-Z]*C[a-zA-Z]*|--unmerge|--rage-clean)\  ]]; then
		bob_unmerge "$@"
	else
		emerge_in "$EMERGE_ROOT" "$@"
	fi
}

# A hook that is to be rid of what is not there has what it wants.
bob_unmerge() {
	local word options=() there=()
	for word; do
		if [[ $word == -* ]]; then
			options+=("$word")
		elif [ -n "$(portageq match "$EMERGE_ROOT" "$word")" ]; then
			there+=("$word")
		else
			echo "bob: warning: $(bob_caller): the image has no $word to unmerge"
		fi
	done
	[ ${#there[@]} = 0 ] || ROOT="$EMERGE_ROOT" command emerge --quiet "${options[@]}" "${there[@]}"
}

# copy_gcc_libs [NAME…]: the compiler's runtime libraries, for programs that need libgcc_s or libstdc++; others by name.
copy_gcc_libs() { bob_copy_libraries libgcc_s.so.1 libstdc++.so.6 "$@"; }

# copy_gfortran_libs: those of Fortran.
copy_gfortran_libs() { bob_copy_libraries libgfortran.so.5 libquadmath.so.0; }

bob_copy_libraries() {
	local name file to
	to="$EMERGE_ROOT/usr/$(libdir)"
	mkdir -p "$to"
	for name; do
		file=$(bob_find_library "$name") || { echo "${FUNCNAME[1]}: there is no $name in the builder" >&2; return 1; }
		cp -pL "$file" "$to/$(basename "$(readlink -f "$file")")"
		[ -e "$to/$name" ] || ln -s "$(basename "$(readlink -f "$file")")" "$to/$name"
		strip --strip-unneeded "$to/$(basename "$(readlink -f "$file")")"
	done
}

# libdir: what the folder for libraries is called, such as lib64.
libdir() {
	local abi
	abi=$(portageq envvar ABI)
	portageq envvar "LIBDIR_$abi"
}

# Gentoo keeps them beside its compiler, others among the system's libraries.
bob_find_library() {
	local file
	file=$(gcc -print-file-name="$1")
	[ "$file" != "$1" ] || file=$(find -H /lib64 /lib /usr/lib64 /usr/lib -name "$1" -print -quit)
	[ -n "$file" ] && echo "$file"
}

# add_group NAME GID and add_user NAME UID GROUP [HOME [SHELL]]: for what no acct-* package makes.
# Text and not useradd, which writes today's date into shadow. The rest of the hook knows them by name.
add_group() {
	grep -qs "^$1:" "$EMERGE_ROOT/etc/group" || echo "$1:x:$2:" >>"$EMERGE_ROOT/etc/group"
	know_accounts
}

add_user() {
	local gid
	grep -qs "^$1:" "$EMERGE_ROOT/etc/passwd" && return
	gid=$(awk -F: -v name="$3" '$1 == name { print $3 }' "$EMERGE_ROOT/etc/group")
	[ -n "$gid" ] || { echo "add_user: there is no group $3" >&2; return 1; }
	echo "$1:x:$2:$gid:$1:${4:-/dev/null}:${5:-/sbin/nologin}" >>"$EMERGE_ROOT/etc/passwd"
	(umask 077 && echo "$1:!:0::::::" >>"$EMERGE_ROOT/etc/shadow")
	know_accounts
}
