EAPI=8

DESCRIPTION="Which of several Pythons a script is for (gentoo-bb's own: the first that there is)"
HOMEPAGE="https://wiki.gentoo.org/wiki/Project:Python/python-exec"
S="${WORKDIR}"

LICENSE="BSD-2"
SLOT="2"
KEYWORDS="amd64"
IUSE="python_targets_python3_13 python_targets_python3_14"

src_install() {
	exeinto /usr/lib/python-exec
	newexe - python-exec2 <<-'END'
		#!/bin/sh
		for one in /usr/lib/python-exec/python3*/"${0##*/}"; do
			exec "$one" "$@"
		done
	END
	local name
	for name in python python3; do
		dosym ../lib/python-exec/python-exec2 "/usr/bin/${name}"
	done
}
