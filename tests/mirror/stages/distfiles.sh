# shellcheck shell=bash
# The distfiles in the folders that Gentoo's mirrors have them in. Sourced by build.sh.

distfiles_key() { hash_of "$HERE/stages/distfiles.sh" "$WORK/versions"; }

distfiles_present() {
	local file
	[ -s "$DEST/distfiles/layout.conf" ] && [ -s "$WORK/distfiles.list" ] || return 1
	while read -r file; do
		[ -s "$DEST/distfiles/$file" ] || return 1
	done <"$WORK/distfiles.list"
}

# In place, file by file: somebody may be downloading from here.
distfiles_build() {
	local file folder list=$WORK/distfiles.list.tmp.new
	mkdir -p "$DEST/distfiles"
	printf '[structure]\n0=filename-hash BLAKE2B 8\n1=flat\n' | write_file "$DEST/distfiles/layout.conf"
	while read -r _ _ file; do
		# The first byte of the hash of the file's name.
		folder=$(printf %s "$file" | b2sum | cut -c1-2)
		mkdir -p "$DEST/distfiles/$folder"
		write_file "$DEST/distfiles/$folder/$file" <"$DL/$file"
		echo "$folder/$file"
	done <"$WORK/versions" >"$list"
	mv "$list" "$WORK/distfiles.list"
	distfiles_prune
}

distfiles_prune() {
	local file
	(cd "$DEST/distfiles" && find . -mindepth 2 -type f -printf '%P\n') | while read -r file; do
		grep -qxF "$file" "$WORK/distfiles.list" || rm -f "$DEST/distfiles/$file"
	done
	find "$DEST/distfiles" -mindepth 1 -type d -empty -delete
}
