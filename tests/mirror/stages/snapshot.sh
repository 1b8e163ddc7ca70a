# shellcheck shell=bash
# The small ebuild repository as a snapshot: repo/ plus Manifests. Sourced by build.sh.

SNAPSHOTS=$DEST/snapshots

snapshot_key() {
	{
		hash_of "$HERE/stages/snapshot.sh" "$HERE/repo" "$HERE/sources.txt"
		cut -d' ' -f3 "$WORK/versions" | while read -r file; do sha256sum <"$DL/$file"; done
		cat "$WORK/versions"
	} | sha256sum | cut -d' ' -f1
}

snapshot_present() {
	[ -s "$SNAPSHOTS/gentoo-latest.tar.xz" ] && [ -s "$SNAPSHOTS/gentoo-latest.tar.xz.gpgsig" ]
}

snapshot_build() {
	local tmp name
	mkdir -p "$SNAPSHOTS"
	name=gentoo-$(snapshot_date)
	tmp=$(temp_dir snapshot)
	cp -r "$HERE/repo" "$tmp/$name"
	snapshot_versions "$tmp/$name"
	snapshot_manifests "$tmp/$name"
	snapshot_publish "$tmp" "$name"
	rm -rf "$tmp"
}

# Today, or the date of the snapshot there is, if somebody's clock was ahead.
snapshot_date() {
	{
		date -u +%Y%m%d
		find "$SNAPSHOTS" -name 'gentoo-[0-9]*.tar.xz' -printf '%f\n' | tr -dc '0-9\n'
	} | sort | tail -n 1
}

# Ebuilds get the version that was really there to download.
snapshot_versions() {
	local repo=$1 ebuild version name file wanted
	while read -r ebuild version _; do
		name=$(basename "$ebuild")
		wanted=$(ebuild_version "$ebuild")
		[ "$version" != "$wanted" ] || continue
		for file in "$repo/$ebuild/$name-$wanted"*.ebuild; do
			[ ! -e "$file" ] || mv "$file" "${file/-$wanted/-$version}"
		done
	done <"$WORK/versions"
}

# Thin manifests: the distfiles only, with the two hashes Gentoo uses.
snapshot_manifests() {
	local repo=$1 ebuild file
	while read -r ebuild _ file; do
		printf 'DIST %s %s BLAKE2B %s SHA512 %s\n' "$file" "$(stat -c %s "$DL/$file")" \
			"$(b2sum <"$DL/$file" | cut -d' ' -f1)" "$(sha512sum <"$DL/$file" | cut -d' ' -f1)" >>"$repo/$ebuild/Manifest"
	done <"$WORK/versions"
}

# One state of the repository gives one file, bit for bit: no owners, no times of this machine.
snapshot_publish() {
	local tmp=$1 name=$2 file
	date -u -d "${name#gentoo-}" -R >"$tmp/$name/metadata/timestamp.chk"
	tar -C "$tmp" --sort=name --owner=root:0 --group=root:0 --numeric-owner --mode=u=rwX,go=rX \
		--mtime="${name#gentoo-} UTC" -cf - "$name" | xz -6 >"$tmp/$name.tar.xz"
	(cd "$tmp" && detached "$name.tar.xz" "$name.tar.xz.gpgsig" && md5sum "$name.tar.xz" >"$name.tar.xz.md5sum")
	for file in tar.xz tar.xz.gpgsig tar.xz.md5sum; do
		write_file "$SNAPSHOTS/$name.$file" <"$tmp/$name.$file"
	done
	for file in tar.xz tar.xz.gpgsig; do
		ln -s "$name.$file" "$tmp/latest.$file"
		mv -fT "$tmp/latest.$file" "$SNAPSHOTS/gentoo-latest.$file"
	done
	find "$SNAPSHOTS" -name 'gentoo-[0-9]*' ! -name "$name.*" -delete
}
