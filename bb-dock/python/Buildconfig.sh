PACKAGES="dev-lang/python"

configure_rootfs_build() {
	# An interpreter for programs: no windows, no terminals, no pip.
	update_use dev-lang/python +sqlite +ssl -ensurepip -gdbm -ncurses -readline -tk
	update_use dev-db/sqlite -readline -tcl -icu
	update_use app-crypt/libb2 -openmp
	update_use dev-libs/mpdecimal -cxx
	package_env dev-libs/openssl "CFLAGS=\${CFLAGS} -Os"
	# Who chooses among several Pythons, what would tell pip of Portage, and a library for UUIDs: Python makes them by
	# itself too.
	provide_package dev-lang/python-exec dev-python/gentoo-common sys-apps/util-linux
}

finish_rootfs_build() {
	local lib program
	lib=$(echo "$EMERGE_ROOT"/usr/lib/python3.*)
	program=$(basename "$lib")
	ln -sf "$program" "$EMERGE_ROOT"/usr/bin/python3
	ln -sf python3 "$EMERGE_ROOT"/usr/bin/python
	drop_parts_of_python
	keep_one_kind_of_bytecode
	drop_tools
	keep_one_file_of_certificates
}

# What was said no to above, and what is for who develops Python itself.
drop_parts_of_python() {
	rm -rf "$lib"/{test,idlelib,tkinter,turtledemo,turtle.py,ensurepip,pydoc_data,EXTERNALLY-MANAGED} "$lib"/config-3.* \
		"$lib"/lib-dynload/{_test,_ctypes_test,_uuid,_xx,xx}*.so
	rm -rf "$EMERGE_ROOT"/usr/bin/{idle,pydoc}3* "$EMERGE_ROOT"/usr/bin/python*-config \
		"$EMERGE_ROOT"/usr/lib/{python,python-exec} "$EMERGE_ROOT"/etc/{init.d,conf.d}/pydoc* "$EMERGE_ROOT"/usr/share/gdb
}

# Python asked to optimize (-O) makes its own.
keep_one_kind_of_bytecode() {
	find "$lib" -name '*.opt-[12].pyc' -delete
	# That of modules which are not there any more.
	find "$lib" -type d -name __pycache__ | while read -r folder; do
		for file in "$folder"/*.pyc; do
			name=${file##*/}
			[ -e "${folder%/*}/${name%%.*}.py" ] || rm -f "$file"
		done
	done
}

# Of these packages Python needs the libraries.
drop_tools() {
	rm -rf "$EMERGE_ROOT"/usr/bin/{openssl,c_rehash,sqlite3,xmlwf} "$EMERGE_ROOT"/usr/bin/{bz*,bunzip2} \
		"$EMERGE_ROOT"/usr/bin/{xz*,unxz,lz*,unlz*,zstd*,unzstd} "$EMERGE_ROOT"/etc/ssl/{misc,private,*.dist} \
		"$EMERGE_ROOT"/usr/lib64/{engines-*,ossl-modules,libexpatw.so*}
}

# It has them all, and OpenSSL reads it by that name.
keep_one_file_of_certificates() {
	ln -sf certs/ca-certificates.crt "$EMERGE_ROOT"/etc/ssl/cert.pem
	find "$EMERGE_ROOT"/etc/ssl/certs ! -type d ! -name ca-certificates.crt -delete
	rm -rf "$EMERGE_ROOT"/usr/share/ca-certificates "$EMERGE_ROOT"/etc/ca-certificates* \
		"$EMERGE_ROOT"/usr/{sbin,bin}/update-ca-certificates
}
