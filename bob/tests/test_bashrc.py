"""What a bashrc does in a phase, as far as can be known without doing it. Needs bash."""

import os
import tempfile
import unittest

from gentoo_bob import bashrc

# In the manner of that of a profile of a merged /usr.
MERGED_USR = """
__on_disk() {
	if [[ -e "${EROOT%/}/bin" ]] ; then
		if [[ -h "${EROOT%/}/bin" ]] ; then echo -n merged; else echo -n split; fi
	else
		echo -n unknown
	fi
}
__of_profile() {
	local target=$(readlink "${EROOT%/}/profile")
	case ${target} in
		*/split*) echo -n split ;;
		*) echo -n merged ;;
	esac
}
if [[ "${EBUILD_PHASE}" == "setup" ]] ; then
	if [[ $(__on_disk) == "split" ]] && [[ $(__of_profile) == "merged" ]] ; then
		eerror "no"
		die "stop"
	fi
fi
unset -f __on_disk __of_profile
"""


class DoesSomething(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.touched = f"{self.root}/touched"

    def does_something(self, text: str, phase: str = "setup", *, but: str = "") -> bool:
        files = []
        for number, each in enumerate([text, but]):
            files.append(f"{self.root}/{number}")
            with open(files[-1], "w") as file:
                file.write(each)
        variables = {"PATH": os.environ["PATH"], "EROOT": f"{self.root}/", "EBUILD_PHASE": phase}
        variables |= {"TOUCHED": self.touched}
        found = bashrc.does_something(files, variables)
        self.assertFalse(os.path.exists(self.touched), text)
        return found

    def test_a_question_of_a_profile_does_nothing_where_its_answer_is_the_usual_one(self) -> None:
        self.assertFalse(self.does_something(MERGED_USR))
        os.symlink("usr/bin", f"{self.root}/bin")
        self.assertFalse(self.does_something(MERGED_USR))
        self.assertFalse(self.does_something(MERGED_USR, "postinst"))

    def test_where_the_answer_is_another_it_is_to_be_run(self) -> None:
        os.mkdir(f"{self.root}/bin")
        self.assertTrue(self.does_something(MERGED_USR))
        self.assertFalse(self.does_something(MERGED_USR, "preinst"))
        os.symlink("x/split-usr", f"{self.root}/profile")
        self.assertFalse(self.does_something(MERGED_USR))

    def test_nothing_that_could_do_anything_is_done(self) -> None:
        does = [
            'touch "$TOUCHED"',
            'if touch "$TOUCHED"; then echo; fi >/dev/null',
            '[[ $(touch "$TOUCHED") == 1 ]]',
            '[[ -n "`touch "$TOUCHED"`" ]]',
            'echo hi >"$TOUCHED"',
            'echo hi | tee "$TOUCHED"',
            '{ touch "$TOUCHED"; } >/dev/null 2>&1',
            '(touch "$TOUCHED") 2>/dev/null',
            'touch "$TOUCHED" &',
            'f() { touch "$TOUCHED"; }; f; unset -f f',
            'f() { touch "$TOUCHED"; }; [[ $(f) == x ]]; unset -f f',
            'case ${EBUILD_PHASE} in s*) touch "$TOUCHED" ;; esac',
            '[[ ${EBUILD_PHASE} == setup ]] && touch "$TOUCHED"',
            'trap - DEBUG; touch "$TOUCHED"',
            'shopt -u extdebug; set +T; touch "$TOUCHED"',
            'eval "touch $TOUCHED"',
            "echo told",
            "CFLAGS=-O3",
            "export CFLAGS=-O3",
            "[[ -n ${CFLAGS:=-O3} ]]",
            "[[ ${EBUILD_PHASE_FUNC} != pkg_postinst ]]",
            "[[ ${DESCRIPTION:-x} == x ]]",
            "[[ -n ${DESCRIPTION-x} && -v x ]]",
            "[[ -v DESCRIPTION ]]",
            "while read -r line; do :; done </dev/zero",
            "while [[ $(none) == '' ]]; do none; done",
            "pre_pkg_setup() { :; }",
            "post_pkg_postinst() { :; }",
            "for x in 1; do :; done",
            "in_use x",
            "exit 0",
            "exec true",
            "if [[",
            "none",
        ]
        for text in does:
            with self.subTest(text):
                self.assertTrue(self.does_something(text))
                self.assertTrue(self.does_something("", but=text))

    def test_what_is_for_another_phase_is_not_done_in_this_one(self) -> None:
        for text in ('[[ ${EBUILD_PHASE} != setup ]] || touch "$TOUCHED"', "# a comment", "", "return 0"):
            with self.subTest(text):
                self.assertFalse(self.does_something(text, "preinst"))


if __name__ == "__main__":
    unittest.main()
