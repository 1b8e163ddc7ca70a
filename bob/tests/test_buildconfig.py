"""What the functions for a Buildconfig.sh set, what children inherit, and to whom `emerge` goes. Needs bash."""

import os
import unittest
from collections.abc import Mapping

from box import Box

CONFIGURE = "bob_inherit_settings\nread_buildconfig\nhook configure_rootfs_build\n"
BEQUEATH = f"{CONFIGURE}bob_bequeath_settings\necho packed\n"
MAKE_CONF = 'CFLAGS="-O2"\nsource /usr/lib/bob/make.conf\n'
INHERITED = "root/var/lib/bob/portage"


def configure(*lines: str) -> str:
    return "configure_rootfs_build() {\n" + "".join(f"{line}\n" for line in lines) + "}\n"


def finish(*lines: str) -> str:
    return configure(*lines).replace("configure", "finish")


class Settings(Box):
    def setUp(self) -> None:
        super().setUp()
        self.write("portage/make.conf", MAKE_CONF)
        self.write("settings", f"{self.folder}/portage/make.conf\n")

    def runs(self, text: str, lines: str) -> list[str]:
        status, out, err = self.ran(text, lines)
        self.assertEqual((status, err), (0, []), out)
        return out

    def inherited(self) -> dict[str, str]:
        found = {}
        for folder, _, names in os.walk(f"{self.folder}/{INHERITED}"):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.folder)
                found[os.path.relpath(path, INHERITED)] = self.read(path)
        return found

    def inherits(self, text: str, expected: Mapping[str, str]) -> None:
        self.assertEqual(self.runs(text, BEQUEATH)[-1], "packed")
        self.assertEqual(self.inherited(), expected)

    def test_a_setting_has_its_place_and_is_there_once(self) -> None:
        self.write("config/lib.sh", "twice() {\n\tupdate_use a/b c\n\tupdate_use g/h +i\n}\n")
        self.runs(
            configure("update_use a/b +c -d", "", "update_use a/b c -d", "update_use a/b c", ". ./lib.sh", "twice"),
            CONFIGURE + CONFIGURE.partition("\n")[2],
        )
        use = "a/b c -d # Buildconfig.sh:2\na/b c # Buildconfig.sh:5\ng/h i # lib.sh:3\n"
        self.assertEqual(self.read("portage/package.use/zz-bob"), use)

    def test_every_function_has_its_list(self) -> None:
        calls = {
            "update_keywords a/b +~amd64": ("package.accept_keywords", "a/b ~amd64"),
            "accept_license a/b X Y": ("package.license", "a/b X Y"),
            "mask_package '>=a/b-2'": ("package.mask", ">=a/b-2"),
            "unmask_package a/b": ("package.unmask", "a/b"),
            "package_env '>=a/b-1' CFLAGS='-O3 -g'": ("package.env", ">=a/b-1 bob-__a_b_1"),
        }
        self.runs(configure(*calls), CONFIGURE)
        for number, (name, line) in enumerate(calls.values(), 2):
            # That list is in the keys of packages: a line that moves must not change it.
            place = "" if name == "package.env" else f" # Buildconfig.sh:{number}"
            self.assertEqual(self.read(f"portage/{name}/zz-bob"), f"{line}{place}\n")
        self.assertEqual(self.read("portage/env/bob-__a_b_1"), 'CFLAGS="-O3 -g"\n')

    def test_what_comes_from_elsewhere_holds_for_children(self) -> None:
        self.inherits("REQUIRES_EXCLUDE='libb.so.* liba.so'\n", {"requires-exclude": "liba.so\nlibb.so.*\n"})
        self.inherits("KEEP_IF_NEEDED=' libm.so.6\n\tlibb.so'\n", {"keep-if-needed": "libb.so\nlibm.so.6\n"})

    def test_flags_without_a_package_are_for_all(self) -> None:
        self.runs(configure("update_use +gif -x", "update_use a/b +c"), CONFIGURE)
        use = "*/* gif -x # Buildconfig.sh:2\na/b c # Buildconfig.sh:3\n"
        self.assertEqual(self.read("portage/package.use/zz-bob"), use)

    def test_what_is_provided_has_a_version(self) -> None:
        self.program("portageq", '[ "$*" = "best_visible / a/b" ] && echo a/b-1.2-r3')
        names = "provide_package a/b no/such c/d-2_rc1 e/f g/h.i-1"
        self.runs(configure(names, "provide_package a/b", "unprovide_package e/f c/d x/y g/h_i"), CONFIGURE)
        provided = self.read("portage/profile/package.provided")
        self.assertEqual(provided, "a/b-1.2-r3\nno/such-9999\ng/h.i-1\n")

    def test_what_is_downloaded_elsewhere_was_fetched_before(self) -> None:
        self.write("config/fetched/x-1.tar", "an archive\n")
        self.write("config/fetched/own.patch", "a patch\n")
        out = self.runs(
            configure(
                "add_patch a/b https://h/p own", 'download_file https://h/x-1.tar "" -v', 'cat "$__download_file"'
            ),
            CONFIGURE,
        )
        self.assertEqual(out[-1], "an archive")
        self.assertEqual(self.read("portage/patches/a/b/own.patch"), "a patch\n")
        status, _, err = self.ran(configure("download_file https://h/y"), CONFIGURE)
        self.assertNotEqual(status, 0)
        there = f"download_file: there is no {self.folder}/config/fetched/y: [rootfs] fetch of dock.toml puts verified"
        self.assertEqual(err[0], f"{there} files there")

    def test_a_replacement_that_replaces_nothing_fails(self) -> None:
        self.runs(configure("sed-or-die '^root:x' x/y $EMERGE_ROOT/etc/group"), CONFIGURE)
        self.assertEqual(self.read("root/etc/group"), "x/y:0:\n")
        for words, told in (
            ("'^root:x' y $EMERGE_ROOT/etc/group", "nothing in {}/etc/group matches ^root:x"),
            ("a b $EMERGE_ROOT/none", "there is no file {}/none"),
        ):
            status, _, err = self.ran(configure(f"sed-or-die {words}"), CONFIGURE)
            self.assertNotEqual(status, 0)
            self.assertEqual(err[0], "sed-or-die: " + told.format(f"{self.folder}/root"))

    def test_libraries_of_the_compiler(self) -> None:
        self.program("portageq", "case $2 in ABI) echo amd64 ;; *) echo lib64 ;; esac")
        self.program("gcc", f'echo "{self.folder}/lib/${{1#*=}}"')
        self.program("strip", "true")
        names = ("libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1")
        for name in names:
            self.write(f"lib/{name}", name)
        self.runs(configure("copy_gcc_libs libgomp.so.1", "libdir"), CONFIGURE)
        self.assertEqual([self.read(f"root/usr/lib64/{name}") for name in names], list(names))
        status, _, err = self.ran(configure("copy_gfortran_libs"), CONFIGURE)
        self.assertNotEqual(status, 0)
        self.assertIn("libgfortran.so.5", err[0])

    def test_in_a_shell_of_ones_own_there_is_no_place(self) -> None:
        shell = f"bob_inherit_settings\nbash -c '. {self.folder}/build-root; update_use a/b c; update_use a/b c'"
        self.runs("", shell)
        self.assertEqual(self.read("portage/package.use/zz-bob"), "a/b c\n")

    def test_a_setting_is_found_among_many(self) -> None:
        """Also where whoever calls has `pipefail`."""
        lines = ("set -o pipefail", "for i in {1..9000}; do echo x/$i; done >$BOB_PORTAGE/package.mask/zz-bob")
        again = ("mask_package x/1", "mask_package x/1")
        self.runs(configure(*lines, *again), CONFIGURE)
        self.assertEqual(self.read("portage/package.mask/zz-bob").count("\n"), 9000)

    def test_children_inherit_what_a_function_has_set_without_its_place(self) -> None:
        self.inherits(
            configure("update_use a/b c", "package_env a/b X=1", "provide_package x/y-1", "provide_package x/y-1"),
            {
                "package.use": "a/b c\n",
                "package.env": "a/b bob-a_b\n",
                "env/bob-a_b": 'X="1"\n',
                "package.provided": "x/y-1\n",
            },
        )

    def test_children_inherit_what_a_hook_has_written_by_itself(self) -> None:
        etc = "$BOB_PORTAGE"
        self.inherits(
            configure(
                "update_use a/b c",
                f"echo 'd/e f' >{etc}/package.use/php",
                f"printf 'g/h i' >{etc}/package.use/apache",
                f"mkdir {etc}/package.use/more && echo 'j/k l' >{etc}/package.use/more/x",
                f"echo 'a/b ~amd64' >{etc}/package.keywords/a",
                f"echo 'X=1' >{etc}/env/own.conf",
                f"mkdir {etc}/env/a && echo 'Y=1' >{etc}/env/a/own.conf",
                f"echo 'USE=\"x\"' >>{etc}/make.conf",
                f"echo 'm/n o' >elsewhere && ln -s $PWD/elsewhere {etc}/package.use/z",
            ),
            {
                "package.use": "g/h i\nj/k l\nd/e f\nm/n o\na/b c\n",
                "package.keywords": "a/b ~amd64\n",
                "env/own.conf": "X=1\n",
                "env/a/own.conf": "Y=1\n",
                "make.conf": 'USE="x"\n',
            },
        )

    def test_children_do_not_inherit_what_the_builder_has_or_portage_does_not_read(self) -> None:
        self.write("portage/package.use/stage3", "a/b c\n")
        self.write("portage/package.mask", "d/e\n")
        self.write("portage/env/stage3", "X=1\n")
        names = ("package.use/stage3", "package.mask", "env/stage3")
        self.write("settings", "".join(f"{self.folder}/portage/{name}\n" for name in names))
        files = ("package.use/.hidden", "package.use/copy~", "package.use/.git/a", "package.use/empty")
        lines = [
            f"mkdir -p $BOB_PORTAGE/{os.path.dirname(name)} && echo 'x/y z' >$BOB_PORTAGE/{name}" for name in files
        ]
        self.inherits(
            configure(*lines, ": >$BOB_PORTAGE/package.use/empty", "ln -s gone $BOB_PORTAGE/package.use/l"), {}
        )
        self.assertEqual(self.read("portage/package.mask/00-stage3"), "d/e\n")
        # Where a file system says that an empty folder has no bytes, it stays as well.
        self.assertTrue(os.path.isdir(f"{self.folder}/{INHERITED}"))

    def test_grandchildren_inherit_the_same(self) -> None:
        settings = {
            "package.use": "a/b c\nd/e f\n",
            "package.env": "a/b own\n",
            "env/own": "X=1\n",
            "env/sub/own": "X=2\n",
            "make.conf": 'USE="x"\n',
            "package.provided": "x/y-1\n",
        }
        for name, text in settings.items():
            self.write(f"{INHERITED}/{name}", text)
        self.inherits("", settings)
        self.assertEqual(self.read("portage/package.use/zy-bob-parents"), settings["package.use"])
        self.assertEqual(self.read("portage/make.conf"), f'{MAKE_CONF}USE="x"\n')
        # Once more in the same box, and with settings of its own.
        own = configure("update_use a/b -c", "echo 'USE=\"$USE y\"' >>$BOB_PORTAGE/make.conf")
        more = {"package.use": "a/b c\nd/e f\na/b -c\n", "make.conf": 'USE="x"\nUSE="$USE y"\n'}
        self.inherits(own, settings | more)

    def test_what_is_taken_back_is_not_inherited(self) -> None:
        self.write(f"{INHERITED}/env/own", "X=1\n")
        self.inherits(configure("rm $BOB_PORTAGE/env/own", "update_use a/b c"), {"package.use": "a/b c\n"})
        os.remove(f"{self.folder}/{INHERITED}/package.use")
        self.inherits("", {})


class Emerge(Box):
    """With programs that tell what they were called with, and an image that has a/b and c/d."""

    run_lines = "read_buildconfig\nhook configure_rootfs_build\nhook finish_rootfs_build\n"

    def setUp(self) -> None:
        super().setUp()
        self.program("emerge", 'echo "emerge ROOT=${ROOT:-none} $*"; exit ${STATUS:-0}')
        self.program(
            "portageq", '[ "$1 $2" = "match $EMERGE_ROOT" ] && case $3 in a/b | c/d) echo $3-1 ;; *) exit 1; esac'
        )
        self.write("__main__.py", "import os, sys\nprint('bob', 'ROOT=' + os.environ['ROOT'], *sys.argv[1:])\n")
        self.image = f"{self.folder}/root"

    def says(self, text: str) -> list[str]:
        status, out, err = self.ran(text)
        self.assertEqual((status, err), (0, []), out)
        return [line for line in out if not line.startswith(">>>")]

    def test_before_it_is_about_the_builder(self) -> None:
        self.assertEqual(
            self.says(configure("emerge -C x/y", "emerge x/y")), [f"emerge ROOT=none {w}" for w in ("-C x/y", "x/y")]
        )

    def test_in_the_end_it_is_about_the_image(self) -> None:
        (said,) = self.says(finish("emerge -1 x/y"))
        self.assertTrue(said.startswith(f"bob ROOT={self.image} emerge -k ") and said.endswith(" -1 x/y"), said)

    def test_unmerging(self) -> None:
        gone = "bob: warning: Buildconfig.sh:2: the image has no x/y to unmerge"
        calls: dict[str, list[str | None]] = {
            "-C a/b": ["-C a/b"],
            "--unmerge a/b c/d": ["--unmerge a/b c/d"],
            "-qC --nodeps a/b": ["-qC --nodeps a/b"],
            "--rage-clean a/b": ["--rage-clean a/b"],
            "-C a/b x/y c/d": [None, "-C a/b c/d"],
            "-C x/y": [None],
        }
        for words, said in calls.items():
            with self.subTest(words):
                expected = [f"emerge ROOT={self.image} --quiet {line}" if line else gone for line in said]
                self.assertEqual(self.says(finish(f"emerge {words}")), expected)
        self.assertEqual(
            self.says(finish("uninstall_package x/y")), [f"emerge ROOT={self.image} --quiet --rage-clean x/y"]
        )

    def test_what_fails_is_a_failure(self) -> None:
        for words in ("emerge -C a/b", "uninstall_package a/b"):
            status, _, err = self.ran("export STATUS=3\n" + finish("true", words))
            self.assertEqual(
                (status, err[-1].partition(": return")[0].rpartition(" at ")[2].split(":")[:2]),
                (3, ["Buildconfig.sh", "4"]),
            )


class Unused(Box):
    run_lines = "BOB_KNOWN=$(declare -p && declare -f)\nread_buildconfig\ntell_unused\n"

    def says(self, text: str) -> list[str]:
        status, out, err = self.ran(text)
        self.assertEqual((status, err), (0, []), out)
        return [line.removeprefix("bob: warning: Buildconfig.sh:") for line in out]

    def test_a_variable_that_nothing_reads_is_told(self) -> None:
        nothing = "means nothing to the builder"
        docker_gen = (
            ": docker-gen goes into an image by [rootfs] fetch of its dock.toml, and a line in finish_rootfs_build"
        )
        for text, said in {
            "A=1\nKEEP_HEADER=true\n": ["2: KEEP_HEADER", "; did you mean KEEP_HEADERS?"],
            "export PACKAGE=a/b\n": ["1: PACKAGE", "; did you mean PACKAGES?"],
            "X_Y+=1": ["1: X_Y", ""],
            "INSTALL_DOCKER_GEN=true\n": [
                "1: INSTALL_DOCKER_GEN",
                docker_gen,
            ],
        }.items():
            with self.subTest(text):
                self.assertIn(f"{said[0]} {nothing}{said[1]}", self.says(text))

    def test_what_is_known_or_used_is_not(self) -> None:
        for text in (
            "PACKAGES=a BUILD_PACKAGES=b KEEP=c KEEP_HEADERS=d KEEP_STATIC_LIBS=e KEEP_LOCALES=f KEEP_CHARSETS=g\n",
            "REQUIRES_EXCLUDE='libx.so.*' KEEP_IF_NEEDED=liby.so\n",
            "VERSION=1\nfinish_rootfs_build() {\n\techo $VERSION\n}\n",
            'VERSION=1 && PACKAGES="a/b-$VERSION"\n',
            "version=1\n_x=2\nbob_x=3\n",
            "PATH=/x:$PATH\nHOME=/\n",
            "f() {\n\techo $FUNCNAME $BASHPID $SECONDS ${GROUPS[0]} ${PIPESTATUS[0]} $RANDOM $LINENO\n\tOTHER=1\n}\n",
        ):
            with self.subTest(text):
                self.assertEqual(self.says(text), [])


class Accounts(Box):
    def test_roots_numbers_win_and_others_stay(self) -> None:
        self.write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nportage:x:250:250::/:\nnginx:x:1:1::/:\n")
        self.write("etc/group", "root:x:0:\nwheel:x:10:root\n")
        self.write("root/etc/passwd", "nginx:x:101:101::/srv:/sbin/nologin\nnew:x:5:5::/:\nnew:x:6:6::/:")
        os.remove(f"{self.folder}/root/etc/group")
        known = "nginx:x:101:101::/srv:/sbin/nologin\nnew:x:5:5::/:\n"
        known += "root:x:0:0:root:/root:/bin/bash\nportage:x:250:250::/:\n"
        for lines in ("know_accounts", "know_accounts\nknow_accounts"):
            self.assertEqual(self.ran("", lines), (0, [], []))
            self.assertEqual(self.read("etc/passwd"), known)
            self.assertEqual(self.read("etc/group"), "root:x:0:\nwheel:x:10:root\n")
        self.write("root/etc/group", "wheel:x:11:a\n")
        self.write("root/etc/passwd", "")
        self.assertEqual(self.ran("", "know_accounts"), (0, [], []))
        self.assertEqual((self.read("etc/passwd"), self.read("etc/group")), (known, "wheel:x:11:a\nroot:x:0:\n"))


if __name__ == "__main__":
    unittest.main()
