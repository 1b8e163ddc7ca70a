"""What the builder says of a Buildconfig.sh that goes wrong: with file and line. Needs bash."""

import unittest

from box import Box

RUN = """
read_buildconfig
hook configure_rootfs_build
echo compiled
hook finish_rootfs_build
shopt -qo pipefail errexit || echo lost
! shopt -qo functrace || echo kept
trap -p
echo packed
"""


class Hooks(Box):
    run_lines = RUN

    def fails(self, text: str, *said: str) -> list[str]:
        status, out, err = self.ran(text)
        self.assertEqual((status != 0, err[-len(said) :]), (True, list(said)), (out, err))
        self.assertEqual(len([line for line in err if line.startswith("error: ")]), 1, err)
        return out

    def works(self, text: str) -> list[str]:
        status, out, err = self.ran(text)
        self.assertEqual((status, out[-1]), (0, "packed"), (out, err))
        self.assertFalse({"lost", "kept"} & set(out) or [line for line in out if line.startswith("trap")], out)
        return out

    def test_a_failing_line_is_told_with_its_place(self) -> None:
        self.fails("A=1\nfalse\n", "error: Buildconfig.sh of dock failed at Buildconfig.sh:2: false")
        out = self.fails(
            "configure_rootfs_build() {\n\ttrue\n\n\ttest 1 = 2\n}\n",
            "error: configure_rootfs_build of dock failed at Buildconfig.sh:4: test 1 = 2",
        )
        self.assertNotIn("compiled", out)
        self.fails(
            "helper() {\n\tfalse\n}\nfinish_rootfs_build() {\n\thelper\n}\n",
            "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: false",
        )
        self.fails(
            "finish_rootfs_build() {\n\tadd_user a 1 nowhere\n}\n",
            "add_user: there is no group nowhere",
            "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: return 1",
        )
        self.fails(
            "finish_rootfs_build() {\n\t( false )\n}\n",
            "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: ( false )",
        )

    def test_a_line_of_another_file_is_told_with_that_file(self) -> None:
        self.write("config/lib.sh", "one() {\n\tfalse\n}\n")
        self.fails(
            ". ./lib.sh\nfinish_rootfs_build() {\n\tone\n}\n",
            "error: finish_rootfs_build of dock failed at lib.sh:2: false",
        )

    def test_what_is_no_bash_is_told_with_its_line(self) -> None:
        self.fails(
            "PACKAGES=a\nx() {\n",
            "Buildconfig.sh: line 3: syntax error: unexpected end of file",
            "error: Buildconfig.sh of dock is not bash",
        )

    def test_exit_does_not_end_the_build_in_silence(self) -> None:
        told = "error: {} ends all of the build at Buildconfig.sh:{}: exit; `return` ends a hook"
        out = self.fails(
            "finish_rootfs_build() {\n\techo a\n\texit 0\n}\n", told.format("finish_rootfs_build of dock", 3)
        )
        self.assertEqual(out[-1], "a")
        self.fails("configure_rootfs_build() {\n\texit\n}\n", told.format("configure_rootfs_build of dock", 2))
        self.fails("A=1\nexit 0\n", told.format("Buildconfig.sh of dock", 2))
        self.fails(
            "helper() {\n\ttrue && exit\n}\nfinish_rootfs_build() {\n\thelper\n}\n",
            told.format("finish_rootfs_build of dock", 2),
        )
        self.fails(
            "finish_rootfs_build() {\n\texit 7\n}\n",
            "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: exit 7",
        )
        self.fails(
            "finish_rootfs_build() {\n\tbuiltin exit 0\n}\n",
            "error: finish_rootfs_build of dock ended the builder's shell (status 0)",
        )
        self.fails(
            "finish_rootfs_build() {\n\techo ${none:?is not set}\n}\n",
            "error: finish_rootfs_build of dock ended the builder's shell (status 1)",
        )
        self.works("finish_rootfs_build() {\n\t(exit 0)\n\t(exit 3) || true\n\t$(exit 2) || return 0\n}\n")

    def test_a_command_that_does_not_exist_is_told(self) -> None:
        self.fails(
            "finish_rootfs_build() {\n\tupdat_use a/b +c\n}\n",
            "Buildconfig.sh:2: updat_use: command not found",
            "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: updat_use a/b +c",
            "did you mean update_use?",
        )
        self.fails(
            "nosuch\n",
            "Buildconfig.sh:1: nosuch: command not found",
            "error: Buildconfig.sh of dock failed at Buildconfig.sh:1: nosuch",
        )

    def test_who_wants_a_network_is_told_that_there_is_none(self) -> None:
        into = f"{self.folder}/config/fetched"
        hint = f"there is no network here: dock.toml's [rootfs] fetch puts verified files into {into}"
        for name in ("wget", "curl", "git", "rsync"):
            self.program(name, "exit 4")
        for line in ("wget -q x", "curl x", "git clone x", "rsync a b", "x=$(wget -q x)", "( cd / && curl x )"):
            with self.subTest(line):
                failed = f"error: finish_rootfs_build of dock failed at Buildconfig.sh:2: {line}"
                out = self.fails(f"finish_rootfs_build() {{\n\t{line}\n}}\n", failed, hint)
                self.assertNotIn("packed", out)
        for line in ("test -e /wget x", "test 1 = wget", "wgett x 2>/dev/null"):
            with self.subTest(line):
                _, _, err = self.ran(f"finish_rootfs_build() {{\n\t{line}\n}}\n")
                self.assertNotIn(hint, err)
        self.works("finish_rootfs_build() {\n\twget x || true\n}\n")

    def test_one_in_a_pipe_fails_the_hook(self) -> None:
        pipes = [
            "nosuch | cat",
            "x=$(nosuch | cat)",
            "echo a | nosuch | cat",
            "cat <(nosuch | cat)",
            "nosuch 2>&1 | cat || true",
            "if nosuch | grep x; then true; fi",
            'echo "$(nosuch | sort)"',
            "( nosuch | cat )",
        ]
        for pipe in pipes:
            for after in ("", "\techo after\n"):
                with self.subTest(pipe, after=after):
                    out = self.fails(
                        f"finish_rootfs_build() {{\n\t{pipe}\n{after}}}\n",
                        "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: there is no command nosuch",
                    )
                    self.assertNotIn("after", out)
        self.fails(
            "A=$(updat_use | cat)\n",
            "error: Buildconfig.sh of dock failed at Buildconfig.sh:1: there is no command updat_use",
            "did you mean update_use?",
        )

    def test_what_an_author_has_thought_of_is_no_failure(self) -> None:
        lines = [
            "nosuch || true",
            "nosuch 2>/dev/null || true",
            "if nosuch >/dev/null 2>&1; then false; fi",
            "! nosuch",
            "x=$(nosuch 2>/dev/null || echo a)",
            "x=$(nosuch || echo a) && test $x = a",
            "yes | head -n 1",
            "grep x /dev/null | cat",
            "command -v nosuch || true",
            "false | cat",
            "x=$(false) || true",
        ]
        for line in lines:
            with self.subTest(line):
                self.works(f"finish_rootfs_build() {{\n\t{line}\n\ttrue\n}}\n")

    def test_hooks_set_variables_and_the_shell_is_as_before(self) -> None:
        out = self.works(
            "PACKAGES=a\nconfigure_rootfs_build() {\n\tPACKAGES+=' b'\n\ttrap - DEBUG\n}\n"
            "finish_rootfs_build() {\n\techo $PACKAGES $-\n}\n"
        )
        self.assertTrue(out[-2].startswith("a b "), out)
        self.assertEqual(self.works(""), ["compiled", "packed"])


if __name__ == "__main__":
    unittest.main()
