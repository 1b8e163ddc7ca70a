"""What the builder says of a Buildconfig.sh that goes wrong: with file and line. Needs bash."""

import os
import shutil
import subprocess
import tempfile
import unittest

BOB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../image")
RUN = """
. {folder}/build-root
NAME=dock
read_buildconfig
hook configure_rootfs_build
echo compiled
hook finish_rootfs_build
shopt -qo pipefail errexit || echo lost
! shopt -qo functrace || echo kept
trap -p
echo packed
"""


class Hooks(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(f"{self.folder}/config")
        os.makedirs(f"{self.folder}/root/etc")
        with open(f"{self.folder}/root/etc/group", "w") as file:
            file.write("root:x:0:\n")
        # The same text, in folders of the test's own.
        for name in ("build-root", "buildconfig.sh", "dock-code.sh"):
            shutil.copy(os.path.join(BOB, name), self.folder)
            with open(f"{self.folder}/{name}", "r+") as file:
                text = file.read().replace("/usr/lib/bob", self.folder).replace("/config", f"{self.folder}/config")
                text = text.replace("BB=/bb OUT=/bb/out", f"BB={self.folder} OUT={self.folder}/out")
                text = text.replace("/emerge-root", f"{self.folder}/root")
                text = text.replace("BOB_PORTAGE=/etc/portage", f"BOB_PORTAGE={self.folder}/portage")
                file.seek(0)
                file.truncate()
                file.write(text)

    def ran(self, text: str) -> tuple[int, list[str], list[str]]:
        """Status, the last line before what failed, and what was said of it."""
        with open(f"{self.folder}/config/Buildconfig.sh", "w") as file:
            file.write(text)
        with open(f"{self.folder}/run", "w") as file:
            file.write(RUN.format(folder=self.folder))
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        # Whoever has started the tests may ignore a signal, as `nohup` does; bash cannot take that back.
        bash = ["env", "--default-signal", "bash"]
        done = subprocess.run([*bash, f"{self.folder}/run"], capture_output=True, text=True, env=env, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

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
        with open(f"{self.folder}/config/lib.sh", "w") as file:
            file.write("one() {\n\tfalse\n}\n")
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

    def portage(self, name: str) -> list[str]:
        """The lines of a file of settings."""
        with open(f"{self.folder}/portage/{name}") as file:
            return file.read().splitlines()

    def test_flags_without_a_package_are_for_all(self) -> None:
        self.works("configure_rootfs_build() {\n\tupdate_use +gif -x\n\tupdate_use a/b +c\n}\n")
        lines = self.portage("package.use/zz-bob")
        self.assertEqual(lines, ["*/* gif -x # Buildconfig.sh:2", "a/b c # Buildconfig.sh:3"])

    def test_what_is_provided_has_a_version(self) -> None:
        os.mkdir(f"{self.folder}/portage")
        os.mkdir(f"{self.folder}/portage/profile")
        self.works(
            'portageq() { [ "$3" = a/b ] && echo a/b-1.2-r3; }\n'
            "configure_rootfs_build() {\n\tprovide_package a/b no/such c/d-2_rc1 e/f\n\tprovide_package a/b\n"
            "\tunprovide_package e/f c/d x/y\n}\n"
        )
        self.assertEqual(self.portage("profile/package.provided"), ["a/b-1.2-r3", "no/such-9999"])

    def test_what_is_downloaded_elsewhere_was_fetched_before(self) -> None:
        os.mkdir(f"{self.folder}/config/fetched")
        for name in ("x-1.tar", "own.patch"):
            with open(f"{self.folder}/config/fetched/{name}", "w") as file:
                file.write(name)
        out = self.works(
            'configure_rootfs_build() {\n\tadd_patch a/b https://h/p own\n\tdownload_file https://h/x-1.tar "" -v\n'
            '\tcat "$__download_file"\n\techo\n}\n'
        )
        self.assertEqual(out[-3], "x-1.tar")
        self.assertEqual(self.portage("patches/a/b/own.patch"), ["own.patch"])
        self.fails(
            "finish_rootfs_build() {\n\tdownload_file https://h/y\n}\n",
            f"download_file: there is no {self.folder}/config/fetched/y: [rootfs] fetch of dock.toml puts verified "
            "files there",
            "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: return 1",
        )

    def test_a_replacement_that_replaces_nothing_fails(self) -> None:
        hook = "finish_rootfs_build() {{\n\tsed-or-die {} \"$EMERGE_ROOT/etc/group\"\n}}\n"
        self.works(hook.format("'^root:x' x/y"))
        with open(f"{self.folder}/root/etc/group") as file:
            self.assertEqual(file.read(), "x/y:0:\n")
        self.fails(
            hook.format("'^root:x' y"),
            f"sed-or-die: nothing in {self.folder}/root/etc/group matches ^root:x",
            "error: finish_rootfs_build of dock failed at Buildconfig.sh:2: return 1",
        )

    def test_hooks_set_variables_and_the_shell_is_as_before(self) -> None:
        out = self.works(
            "PACKAGES=a\nconfigure_rootfs_build() {\n\tPACKAGES+=' b'\n\ttrap - DEBUG\n}\n"
            "finish_rootfs_build() {\n\techo $PACKAGES $-\n}\n"
        )
        self.assertTrue(out[-2].startswith("a b "), out)
        self.assertEqual(self.works(""), ["compiled", "packed"])


if __name__ == "__main__":
    unittest.main()
