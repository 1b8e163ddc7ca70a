"""What shell code that is read before each phase of a package would do in one, so far as can be known without doing it.

Gentoo's profiles have such a file, which asks in `setup` whether ROOT fits to the profile, and ends the build where
it does not. A shell reads it and goes on until the first command that could do anything: one that is no question, no
answer to one, and no function of the file's own. Knows nothing of Portage.
"""

import subprocess
from collections.abc import Mapping, Sequence

# Says on standard error what it has passed over, and on standard output which functions are left. Before a command is
# run, its text is looked at as it is written; in `$(…)` there are commands of their own.
READER = r"""
exec 3>&2
shopt -s extdebug
bob_look() {
	[ "${FUNCNAME[1]:-}" != bob_read ] || return 0
	case $BASH_COMMAND in
	*[\<\>]* | *:=*) ;;
	'[[ '* | 'case '* | 'echo '* | 'local '* | 'readlink '* | return* | 'unset '* | 'bob_read "$@"') return 0 ;;
	*) ! declare -F -- "${BASH_COMMAND%% *}" >/dev/null || return 0 ;;
	esac
	echo "$BASH_COMMAND" >&3
	return 1
}
bob_read() {
	local bob_file
	for bob_file; do . "$bob_file"; done
	declare -F | sed '/ bob_/d'
}
trap bob_look DEBUG
bob_read "$@"
"""


def does_something(files: Sequence[str], variables: Mapping[str, str]) -> bool:
    """`variables` are those of the phase. Functions among them are Portage's own."""
    plain = {name: text for name, text in variables.items() if not name.startswith("BASH_FUNC_")}
    reader = ["bash", "-c", READER, "bob", *files]
    done = subprocess.run(reader, env=plain, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return bool(done.returncode or done.stdout or done.stderr)
