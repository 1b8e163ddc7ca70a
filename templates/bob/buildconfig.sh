# What a Buildconfig.sh may call, in configure_rootfs_build and finish_rootfs_build. Sourced by
# build-root. Every function may be called again with the same arguments.

# Settings that a dock makes go into files of this name, which build-root clears before each run.
BOB_PORTAGE=/etc/portage
BOB_FILE=zz-bob

# bob_setting FILE LINE: one line for one of /etc/portage's folders, once.
bob_setting() {
	local file="$BOB_PORTAGE/$1"
	# A stage3 may have a plain file where a folder is possible as well.
	if [ -f "$file" ]; then
		mv "$file" "$file.stage3" && mkdir "$file" && mv "$file.stage3" "$file/00-stage3"
	fi
	mkdir -p "$file"
	grep -qsxF -- "$2" "$file/$BOB_FILE" || echo "$2" >>"$file/$BOB_FILE"
}

bob_clear_settings() {
	local name
	for name in package.use package.accept_keywords package.mask package.unmask package.license package.env; do
		rm -f "$BOB_PORTAGE/$name/$BOB_FILE"
	done
	rm -f "$BOB_PORTAGE/profile/package.provided"
}

# update_use 'category/package' +flag -flag flag: USE flags, in the builder and in the image.
update_use() {
	local atom=$1 flag line=$1
	shift
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
	mkdir -p "$BOB_PORTAGE/env"
	for setting; do printf '%s="%s"\n' "${setting%%=*}" "${setting#*=}"; done >"$BOB_PORTAGE/env/$file"
	bob_setting package.env "$atom $file"
}

# provide_package category/package-version…: Portage takes it for installed, in the builder and in the
# image, without anything being there. For dependencies that an image can do without.
provide_package() {
	local cpv
	mkdir -p "$BOB_PORTAGE/profile"
	# package.provided is forbidden in profiles of EAPI 7 and later.
	rm -f "$BOB_PORTAGE/profile/eapi"
	for cpv; do echo "$cpv" >>"$BOB_PORTAGE/profile/package.provided"; done
}

# is_package_installed category/package: whether the image (with its parents) has it.
is_package_installed() { portageq has_version "$EMERGE_ROOT" "$1"; }

# uninstall_package ATOM…: out of the image again, without asking who needs it.
uninstall_package() { ROOT="$EMERGE_ROOT" emerge --quiet --rage-clean "$@"; }

# copy_gcc_libs: the compiler's runtime libraries, for programs that need libgcc_s or libstdc++.
copy_gcc_libs() {
	local name file to
	to="$EMERGE_ROOT/usr/$(bob_libdir)"
	mkdir -p "$to"
	for name in libgcc_s.so.1 libstdc++.so.6; do
		file=$(bob_find_library "$name") || { echo "copy_gcc_libs: there is no $name in the builder" >&2; return 1; }
		cp -pL "$file" "$to/$(basename "$(readlink -f "$file")")"
		[ -e "$to/$name" ] || ln -s "$(basename "$(readlink -f "$file")")" "$to/$name"
		strip --strip-unneeded "$to/$(basename "$(readlink -f "$file")")"
	done
}

bob_libdir() {
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
# Text and not useradd, which writes today's date into shadow.
add_group() {
	grep -qs "^$1:" "$EMERGE_ROOT/etc/group" || echo "$1:x:$2:" >>"$EMERGE_ROOT/etc/group"
}

add_user() {
	local gid
	grep -qs "^$1:" "$EMERGE_ROOT/etc/passwd" && return
	gid=$(awk -F: -v name="$3" '$1 == name { print $3 }' "$EMERGE_ROOT/etc/group")
	[ -n "$gid" ] || { echo "add_user: there is no group $3" >&2; return 1; }
	echo "$1:x:$2:$gid:$1:${4:-/dev/null}:${5:-/sbin/nologin}" >>"$EMERGE_ROOT/etc/passwd"
	(umask 077 && echo "$1:!:0::::::" >>"$EMERGE_ROOT/etc/shadow")
}
