"""What shell code that is read before each phase of a package would do in one, so far as can be known without doing it.

Gentoo's profiles have such a file, which asks in `setup` whether ROOT fits to the profile, and ends the build where
it does not. A shell reads it and goes on until the first command that could do anything: one that is no question, no
answer to one, and no function of the file's own. Knows nothing of Portage.
"""

import subprocess
from collections.abc import Mapping, Sequence

# Ends before a command that could do anything, and says on standard error which; else, on standard output, which
# functions are left. A command's text is looked at as it is written; in `$(…)` there are commands of their own.
READER = r"""
exec 3>&2
set -T
bob_look() {
	[ "${FUNCNAME[1]:-}" != bob_read ] || return 0
	[[ ! $BASH_COMMAND =~ \$\{[^}]*[-+=?] ]] || bob_end
	case $BASH_COMMAND in
	*[\<\>]* | *'-v '*) ;;
	'[[ '* | 'case '* | 'echo '* | 'local '* | 'readlink '* | return* | 'unset '* | 'bob_read "$@"') return 0 ;;
	*) ! declare -F -- "${BASH_COMMAND%% *}" >/dev/null || return 0 ;;
	esac
	bob_end
}
bob_end() {
	echo "$BASH_COMMAND" >&3
	kill -KILL $$ "$BASHPID"
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
    """`variables` are those that it may ask for: where it asks for another, it counts as doing something."""
    reader = ["bash", "-uc", READER, "bob", *files]
    done = subprocess.run(reader, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return bool(done.returncode or done.stdout or done.stderr)
