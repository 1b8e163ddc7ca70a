# How a dock's own code is run: Buildconfig.sh and its hooks. Sourced by build-root. Whatever goes wrong in it
# ends the build and is told with its file and line.
#
# In a pipe the last command counts, as the authors of docks are used to, unless a command before it does not
# exist.
# shellcheck shell=bash

BOB_SELF=${BASH_SOURCE[1]:-}
# Commands that were not found where nobody would notice.
BOB_NOT_FOUND=$BB/not-found
# What of the dock is running.
BOB_RUNS=''

# dock_code NAME COMMAND: runs it in this shell, whose variables it may set.
dock_code() {
	local pipes=+o
	[[ ! -o pipefail ]] || pipes=-o
	BOB_RUNS=$1
	: >"$BOB_NOT_FOUND"
	trap 'bob_ended "$?"' EXIT
	trap 'bob_failed "$?" "$LINENO" "$BASH_COMMAND"' ERR
	trap 'bob_look "$?"' DEBUG
	set -ET +o pipefail
	"$2"
	set +ET "$pipes" pipefail
	trap - EXIT ERR DEBUG
	bob_look 0
	BOB_RUNS=''
}

# bob_place LINE: where in the dock's files this is, or where they have called the function that it is in. To be
# called by what a trap calls.
bob_place() {
	local at line=$1 file
	for ((at = 2; at < ${#BASH_SOURCE[@]}; at++)); do
		file=${BASH_SOURCE[at]}
		if [ "$file" != "$BOB_SELF" ] && [ "${file%/*}" != "$LIB" ]; then
			file=${file#./}
			echo "${file#/config/}:$line"
			return
		fi
		line=${BASH_LINENO[at]}
	done
	echo Buildconfig.sh
}

bob_what() {
	if [ "$BOB_RUNS" = Buildconfig.sh ]; then echo "Buildconfig.sh of $NAME"; else echo "$BOB_RUNS of $NAME"; fi
}

# bob_failed STATUS LINE COMMAND: by the trap ERR, after which the shell ends. What fails in a subshell is told
# where the whole of it fails, if at all.
bob_failed() {
	[ "$BASH_SUBSHELL" = 0 ] || return 0
	echo "error: $(bob_what) failed at $(bob_place "$2"): $3" >&2
	[ "$1" != 127 ] || bob_near "${3%% *}"
	if [[ $3 =~ (^|[\(\|\;\&\`])[[:blank:]]*(wget|curl|git|rsync)[[:space:]] ]]; then
		echo "there is no network here: dock.toml's [rootfs] fetch puts verified files into /config/fetched" >&2
	fi
	BOB_RUNS=''
}

# By the trap EXIT, where nothing else has told why.
bob_ended() {
	[ -n "$BOB_RUNS" ] || builtin exit "$1"
	echo "error: $(bob_what) ended the builder's shell (status $1)" >&2
	BOB_RUNS=''
	builtin exit 1
}

# In a subshell, or with a status that says so, it is a failure like others; else it would end the build as if all
# had been done.
exit() {
	local status=${1:-$?}
	if [ -z "$BOB_RUNS" ] || [ "$BASH_SUBSHELL" != 0 ]; then builtin exit "$status"; fi
	if [ "$status" = 0 ]; then
		echo "error: $(bob_what) ends all of the build at $(bob_place "${BASH_LINENO[0]}"): exit; \`return\` ends a hook" >&2
	else
		echo "error: $(bob_what) failed at $(bob_place "${BASH_LINENO[0]}"): exit $status" >&2
	fi
	BOB_RUNS=''
	builtin exit 1
}

# Bash calls it in the process that was to run the command. One in a pipe is noted, for its status is lost.
command_not_found_handle() {
	local place
	place=$(bob_place "${BASH_LINENO[0]}")
	echo "$place: $1: command not found" >&2
	if [ -n "$BOB_RUNS" ] && [ -p /dev/fd/1 ] && ! [ /dev/fd/1 -ef "/proc/$$/fd/1" ]; then
		echo "$place: $1" >>"$BOB_NOT_FOUND"
	fi
	return 127
}

# bob_look STATUS: by the trap DEBUG, before each command. Whoever has got the status has been told.
bob_look() {
	local what
	[ -s "$BOB_NOT_FOUND" ] || return 0
	if [ "$1" = 127 ]; then : >"$BOB_NOT_FOUND"; fi
	# Not BASH_SUBSHELL: a command of a pipe comes here in a process of its own, which is no subshell yet.
	[ -s "$BOB_NOT_FOUND" ] && [ "$BASHPID" = "$$" ] || return 0
	read -r what <"$BOB_NOT_FOUND"
	echo "error: $(bob_what) failed at ${what%: *}: there is no command ${what##*: }" >&2
	bob_near "${what##*: }"
	BOB_RUNS=''
	# In somebody's own shell nothing ends.
	[[ $- != *e* ]] || builtin exit 1
}

# bob_meant NAME: what is to be done about a variable that means nothing.
bob_meant() {
	case $1 in
	INSTALL_DOCKER_GEN) echo ': docker-gen goes into an image by [rootfs] fetch of its dock.toml, and a line in finish_rootfs_build' ;;
	*) bob_nearest '; ' "$1" PACKAGES BUILD_PACKAGES KEEP KEEP_HEADERS KEEP_STATIC_LIBS KEEP_LOCALES KEEP_CHARSETS \
		KEEP_IF_NEEDED REQUIRES_EXCLUDE ;;
	esac
}

# bob_near WORD: the function of buildconfig.sh that was probably meant.
bob_near() {
	local known
	mapfile -t known < <(sed -n 's/^\([a-z][a-z_]*\)() .*/\1/p' "$LIB/buildconfig.sh" | grep -v ^bob_)
	bob_nearest '' "$1" "${known[@]}" >&2
}

# bob_nearest BEGIN WORD KNOWN…: which of them was probably meant, if any.
bob_nearest() {
	python3 - "$@" <<-'END'
		import difflib, sys
		for name in difflib.get_close_matches(sys.argv[2], sys.argv[3:], 1, 0.75):
		    print(f"{sys.argv[1]}did you mean {name}?")
	END
}
