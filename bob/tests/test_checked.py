"""What is said of a dock's settings, held against a tree of three packages."""

import os
import re
import tempfile
import unittest
from collections.abc import Sequence
from unittest import mock

from gentoo_bob import checked
from gentoo_bob.checked import LISTS, Faults, faults, nearest

TREE = {
    "www-servers/nginx": {"http2", "nginx_modules_http_geo", "ssl", "amd64"},
    "dev-lang/php": {"cli", "fpm", "ssl", "amd64"},
    "app-misc/php": {"amd64"},
}
NAME = r"[a-z*][a-z0-9*-]*/[a-z*][a-z*]*"
ATOM = re.compile(rf"!?({NAME}|[<>=~]+{NAME}-[0-9.]+\*?)(:[0-9]+)?(\[[a-z]+\])?")
OURS = "zz-bob"


class Tree:
    """As `known.InTree`."""

    def is_atom(self, text: str) -> bool:
        return ATOM.fullmatch(text) is not None

    def package(self, text: str) -> str:
        return re.sub(r"^[<>=~]+|-[0-9].*|:.*", "", text)

    def is_version(self, text: str) -> bool:
        return re.fullmatch(rf"{NAME}-[0-9.]+", text) is not None

    def names(self) -> Sequence[str]:
        return sorted(TREE)

    def flags(self, package: str) -> frozenset[str] | None:
        return frozenset(TREE[package]) if package in TREE else None


class Checked(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.etc = folder.name

    def write(self, path: str, text: str | bytes) -> None:
        os.makedirs(os.path.dirname(f"{self.etc}/{path}"), exist_ok=True)
        with open(f"{self.etc}/{path}", "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def found(self) -> Faults:
        errors, warnings = faults(self.etc, Tree())
        return Faults(*([text.replace(f"{self.etc}/", "") for text in texts] for texts in (errors, warnings)))

    def use(self, line: str) -> str | None:
        """What is said of a line of package.use, without its place."""
        self.write("package.use/a", f"{line}\n")
        errors, warnings = self.found()
        self.assertEqual(errors, [])
        self.assertLess(len(warnings), 2)
        return warnings[0].removeprefix("package.use/a:1: ") if warnings else None

    def test_a_line_of_the_builders_functions_is_an_error_with_its_place_in_the_dock(self) -> None:
        self.write(f"package.use/{OURS}", "dev-lang/php cli # Buildconfig.sh:3\ndev-lang/php fpmm # lib.sh:14\n")
        self.write("package.use/php", "# of 2014\n\ndev-lang/php cgi # bug:12\n")
        self.assertEqual(
            self.found(),
            (
                ["lib.sh:14: no version of `dev-lang/php` has the USE flag `fpmm`; there is `fpm`"],
                ["package.use/php:3: no version of `dev-lang/php` has the USE flag `cgi`"],
            ),
        )

    def test_a_hook_may_write_into_the_functions_file_by_itself(self) -> None:
        self.write(f"package.use/{OURS}", "dev-lang/php x\ndev-lang/php y # for z\n")
        errors, warnings = self.found()
        self.assertEqual(
            (errors, [text.split(": ")[0] for text in warnings]),
            ([], [f"package.use/{OURS}:1", f"package.use/{OURS}:2"]),
        )

    def test_flags(self) -> None:
        no_flag = "no version of `www-servers/nginx` has the USE flag"
        near = "`nginx_modules_http_ssl`; there is `nginx_modules_http_geo`"
        for line, message in {
            "www-servers/nginx ssl +http2 -nosuch amd64": None,
            "www-servers/nginx -*": None,
            "www-servers/nginx -* ssl": None,
            "www-servers/nginx": None,
            "www-servers/nginx *": None,
            "www-servers/nginx NGINX_MODULES_HTTP: geo": None,
            "www-servers/nginx NGINX_MODULES_HTTP: -* geo -nosuch *": None,
            "www-servers/nginx ssl NGINX_MODULES_HTTP: ssl": f"{no_flag} {near}",
            "www-servers/nginx geo": f"{no_flag} `geo`",
            "www-servers/nginx +htp2": f"{no_flag} `htp2`; there is `http2`",
            "www-servers/nginx ssl # nosuch": None,
            "www-servers/nginx ssl #nosuch": None,
            "=www-servers/nginx-1.2* ssl": None,
            ">=www-servers/nginx-9 wrong": f"{no_flag} `wrong`",
            "www-servers/nginx:0 wrong": f"{no_flag} `wrong`",
            "*/* nosuch": None,
            "dev-lang/* nosuch": None,
            "*/php nosuch": None,
            "\twww-servers/nginx\twrong  ": f"{no_flag} `wrong`",
            "#www-servers/nginx wrong": None,
        }.items():
            with self.subTest(line):
                self.assertEqual(self.use(line), message)

    def test_a_variables_prefix_ends_with_its_line(self) -> None:
        self.write("package.use", "www-servers/nginx NGINX_MODULES_HTTP: geo\nwww-servers/nginx ssl\n")
        self.assertEqual(self.found(), ([], []))

    def test_several_wrong_flags_are_told_one_by_one(self) -> None:
        self.write("package.use", "dev-lang/php one cli two\n")
        self.assertEqual([text.split("flag ")[1] for text in self.found().warnings], ["`one`", "`two`"])

    def test_packages(self) -> None:
        for line, message in {
            "dev-lang/phpp cli": "there is no package `dev-lang/phpp`; there is `dev-lang/php`",
            "lang/php cli": "there is no package `lang/php`; there is `app-misc/php` or `dev-lang/php`",
            "x/y": "there is no package `x/y`",
        }.items():
            with self.subTest(line):
                self.assertEqual(self.use(line), message)

    def test_nearest_names(self) -> None:
        self.assertEqual(nearest("x", ["y"]), "")
        self.assertEqual(nearest("ssll", ["ssl", "zlib"]), "; there is `ssl`")
        every = ["a/nginx", "b/nginx", "c/nginx", "d/nginx", "www-server/ngin"]
        self.assertEqual(nearest("www-server/nginx", every), "; there is `a/nginx` or `b/nginx` or `c/nginx`")
        # Flags have no category.
        self.assertEqual(nearest("a", ["b", "c"]), "")

    def test_names_are_looked_for_so_often_and_no_more(self) -> None:
        self.write("package.use", "dev-lang/phpp cli\n" * 30)
        near = [text for text in self.found().warnings if "; there is" in text]
        self.assertEqual(len(near), checked.MOST_NEAREST)

    def test_no_atom_is_an_error_in_every_list(self) -> None:
        for name in LISTS:
            for path in (f"{name}/a", f"{name}/b/{OURS}"):
                with self.subTest(path):
                    self.write(path, "www-servers/nginx x\nnginx-1.2 x\n" if "mask" not in name else "a/b\nnginx-1.2\n")
                    self.assertEqual(self.found().errors, [f"{path}:2: `nginx-1.2` is no package atom ({name})"])
                    os.remove(f"{self.etc}/{path}")

    def test_masks_are_nothing_but_an_atom_and_may_be_taken_back(self) -> None:
        for name in ("package.mask", "package.unmask"):
            with self.subTest(name):
                self.write(f"{name}/a", "-a/b\n>=a/b-2 # why\na/b c/d\n--a/b\n")
                wrong = [
                    f"{name}/a:{line}: `{text}` is no package atom ({name})"
                    for line, text in ((3, "a/b c/d"), (4, "-a/b"))
                ]
                self.assertEqual(self.found().errors, wrong)
                os.remove(f"{self.etc}/{name}/a")
        self.write("package.use/a", "-dev-lang/php cli\n")
        self.assertEqual(len(self.found().errors), 1)

    def test_flags_in_an_atom_are_for_other_lists(self) -> None:
        self.write("package.use", "dev-lang/php[cli] ssl\n")
        self.write("package.mask", "dev-lang/php[cli]\n")
        said = "package.use:1: `dev-lang/php[cli]` has USE flags in it, which no atom of package.use may"
        self.assertEqual(self.found(), ([said], []))

    def test_what_is_provided_has_a_version(self) -> None:
        self.write("profile/package.provided", "# a\na/b-1\na/b\na/b-1 # c\na/b-1 c/d-2\n>=a/b-1\n")
        wrong = {3: "a/b", 5: "a/b-1 c/d-2", 6: ">=a/b-1"}
        said = "names no version, so nothing is provided"
        self.assertEqual(
            self.found(), ([f"profile/package.provided:{line}: `{text}` {said}" for line, text in wrong.items()], [])
        )

    def test_files_that_are_read(self) -> None:
        wrong = "dev-lang/php nosuch\n"
        for path in ("a", "b/a", "b.c", "zz"):
            self.write(f"package.use/{path}", wrong)
        for path in (".a", "a~", ".git/a", "b~/a", "CVS/a", "zy-bob-parents", "b/.a"):
            self.write(f"package.use/{path}", wrong)
        places = [text.split(":")[0].removeprefix("package.use/") for text in self.found().warnings]
        self.assertEqual(places, ["a", "b/a", "b.c", "zz"])

    def test_a_plain_file_and_nothing_at_all(self) -> None:
        self.assertEqual(self.found(), ([], []))
        self.write("package.use", "dev-lang/php nosuch")
        self.assertEqual(len(self.found().warnings), 1)

    def test_links(self) -> None:
        self.write("elsewhere/a", "dev-lang/php nosuch\n")
        os.makedirs(f"{self.etc}/package.use")
        links = {"file": "../elsewhere/a", "folder": "../elsewhere", "nowhere": "gone", "self": "self", "here": "."}
        for name, target in links.items():
            os.symlink(target, f"{self.etc}/package.use/{name}")
        os.symlink("gone", f"{self.etc}/package.mask")
        places = [text.split(":")[0].removeprefix("package.use/") for text in self.found().warnings]
        self.assertEqual(places, ["file", "folder/a"])

    def test_what_is_no_file_is_not_waited_for(self) -> None:
        os.makedirs(f"{self.etc}/package.use")
        os.mkfifo(f"{self.etc}/package.use/pipe")
        os.mkfifo(f"{self.etc}/package.mask")
        self.assertEqual(self.found(), ([], []))

    def test_what_is_no_text_is_read_all_the_same(self) -> None:
        self.write("package.use/a", b"dev-lang/php cli # f\xfcr\ndev-lang/php \xff\n\0\n")
        errors, warnings = self.found()
        self.assertEqual(errors, ["package.use/a:3: `\0` is no package atom (package.use)"])
        self.assertEqual(warnings, ["package.use/a:2: no version of `dev-lang/php` has the USE flag `\ufffd`"])

    def test_what_cannot_be_read_is_an_error(self) -> None:
        self.write("package.use/a", "#" * (checked.MOST_BYTES + 1))
        self.write("package.use/b", "dev-lang/php nosuch\n")
        errors, warnings = self.found()
        self.assertEqual((errors, len(warnings)), (["package.use/a: is longer than 1 MiB"], 1))
        os.remove(f"{self.etc}/package.use/a")
        with mock.patch("builtins.open", side_effect=PermissionError(13, "Permission denied")):
            self.assertEqual(self.found(), (["package.use/b: Permission denied"], []))


if __name__ == "__main__":
    unittest.main()
