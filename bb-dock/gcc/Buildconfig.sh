PACKAGES="sys-devel/gcc sys-devel/binutils sys-kernel/linux-headers"
# What a compiler reads.
KEEP_HEADERS=yes
# What it puts into programs that are linked to shared libraries (with that of how a program begins, which stays where the
# image has a compiler); libraries that are only names, since what was in them is in the C library by now; and
# mathematics.
KEEP="/usr/lib/gcc/**/libgcc.a /usr/lib/gcc/**/libgcc_eh.a /usr/lib64/libc_nonshared.a
	/usr/lib64/libpthread.a /usr/lib64/libdl.a /usr/lib64/librt.a /usr/lib64/libutil.a
	/usr/lib64/libm.so.6"

configure_rootfs_build() {
	# C and C++.
	update_use sys-devel/gcc +cxx -fortran -nls -openmp -sanitize
	update_use sys-devel/binutils -gprofng -nls
	# Of scripts that choose among several compilers, which go below.
	provide_package app-admin/eselect sys-apps/gentoo-functions
}

finish_rootfs_build() {
	drop_tools
	drop_link_time_optimizer
	drop_other_machines
	link_to_one_libm
	put_libraries_where_the_loader_looks
	# Links by which a library is linked to that is not in the image.
	find "$EMERGE_ROOT"/usr/lib64 -maxdepth 1 -name '*.so' -xtype l -delete
}

# What chooses compilers, measures programs, and tells debuggers of types.
drop_tools() {
	rm -rf "$EMERGE_ROOT"/usr/bin/{gcc,binutils}-config "$EMERGE_ROOT"/usr/share/{gcc-config,eselect,gdb,gcc-data} \
		"$EMERGE_ROOT"/usr/bin/{zstd*,unzstd,gp-*,gprof*,lto-dump*}
	find "$EMERGE_ROOT"/usr/ \( -name '*gcov*' -o -name '*gprof*' -o -name 'g++-mapper-server' -o -name 'libcc1*' \) \
		\( -path '*bin/*' -o -path '*/libexec/*' -o -name '*.so*' \) ! -type d -delete
}

# As large as a compiler. The linker's part of it is asked for by each program.
drop_link_time_optimizer() {
	find "$EMERGE_ROOT"/usr/libexec/gcc \( -name lto1 -o -name lto-wrapper \) -delete
	find "$EMERGE_ROOT"/usr/ \( -name '*gcc-ar*' -o -name '*gcc-nm*' -o -name '*gcc-ranlib*' \) ! -type d -delete
}

# Headers of Linux, where a package has those of all machines.
drop_other_machines() { rm -rf "$EMERGE_ROOT"/usr/lib/linux/uapi/[!x]* "$EMERGE_ROOT"/usr/include/*-linux-gnu*; }

# The other one, vectors' mathematics, the image below has dropped.
link_to_one_libm() { ln -sf libm.so.6 "$EMERGE_ROOT"/usr/lib64/libm.so; }

# Gentoo has those of the compiler in a folder of its own, which a list of the loader's names.
put_libraries_where_the_loader_looks() {
	local file
	for file in "$EMERGE_ROOT"/usr/lib/gcc/*/*/lib{gcc_s,stdc++,atomic}.so.[0-9]; do
		[ ! -e "$file" ] || ln -sf "../${file#"$EMERGE_ROOT/usr/"}" "$EMERGE_ROOT/usr/lib64/${file##*/}"
	done
}
