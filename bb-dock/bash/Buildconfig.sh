PACKAGES="app-shells/bash"

configure_rootfs_build() {
	# Without messages in other languages and modules to be loaded.
	update_use app-shells/bash +net +readline -nls -plugins
	# Of all terminals the usual ones.
	update_use sys-libs/ncurses +minimal -cxx -gpm
}

finish_rootfs_build() {
	# A script for reports to the authors, and what new users would get in their home.
	rm -rf "$EMERGE_ROOT"/usr/bin/bashbug "$EMERGE_ROOT"/etc/skel "$EMERGE_ROOT"/usr/lib{,64}/bash
	drop_unused_ncurses_parts
	give_root_bash
}

# Programs about terminals, of which busybox has two, and libraries for windows, forms and menus.
drop_unused_ncurses_parts() {
	rm -rf "$EMERGE_ROOT"/usr/bin/{captoinfo,infocmp,infotocap,ncurses*-config,tabs,tic,toe,tput,tset} \
		"$EMERGE_ROOT"/usr/share/tabset "$EMERGE_ROOT"/usr/lib64/lib{curses,form,menu,panel,history}*.so*
	ln -sf busybox "$EMERGE_ROOT"/usr/bin/clear
	ln -sf busybox "$EMERGE_ROOT"/usr/bin/reset
	drop_unneeded_ncurses
}

# It comes in parts or whole, with wide characters or without.
drop_unneeded_ncurses() {
	local name
	for name in ncurses ncursesw tinfo tinfow; do
		readelf -d "$EMERGE_ROOT"/usr/bin/bash "$EMERGE_ROOT"/usr/lib64/libreadline.so.8 | grep -q "\[lib$name\.so\.6\]" ||
			rm -f "$EMERGE_ROOT"/usr/lib64/lib"$name".so*
	done
}

give_root_bash() {
	sed -i 's:^\(root\:.*\:\)/bin/sh$:\1/bin/bash:' "$EMERGE_ROOT/etc/passwd"
}
