"""What is in a key, and that a key is what it was: where one changes, everybody compiles everything anew."""

import unittest
from dataclasses import replace

from gentoo_bob import keys
from gentoo_bob.keys import Ingredients, Node

INGREDIENTS = Ingredients(
    cpv="sys-libs/z-1",
    ebuild="ebuild-digest",
    eclasses=[keys.eclass_line("a", "1"), keys.eclass_line("b", "2")],
    files=["fix.patch abc"],
    sources=[
        keys.source_line("other.tar", {}),
        keys.source_line("z-1.tar.xz", {"size": 7, "SHA512": "512", "BLAKE2B": "b2"}),
    ],
    use=["amd64", "minizip"],
    settings=["CFLAGS=-O2", "FEATURES="],
    site=["patches/x 1"],
)
TOOLCHAIN = ["installed:sys-devel/gcc-14:x", "installed:sys-apps/portage-3:y"]
# app is built with lib and make, which runs tool; tool and cycle are built with each other.
NODES = {
    "a/app-1": Node("app", ["a/lib-1", "installed:a/make-1:m"], ["a/tool-1"], frozenset({"a/lib:0/1", "a/b:2/3"})),
    "a/lib-1": Node("lib", ["a/tool-1"], ["installed:a/rt-1:r"], frozenset()),
    "a/tool-1": Node("tool", [], ["a/cycle-1"], frozenset()),
    "a/cycle-1": Node("cycle", ["a/tool-1", "a/app-1"], [], frozenset({"a/x:0/0"})),
}


def changed_by(name: str, node: Node) -> set[str]:
    """Whose keys are others, where this node is in the place of the one of this name."""
    before, now = keys.all_keys(NODES, TOOLCHAIN), keys.all_keys({**NODES, name: node}, TOOLCHAIN)
    return {cpv for cpv in now if before[cpv] != now[cpv]}


class Values(unittest.TestCase):
    """As the first version that kept packages by keys of this format computed them."""

    def test_ingredients(self) -> None:
        self.assertEqual(INGREDIENTS.digest(), "32c8aa84bd1f4b7830eadd30632e5dc309f97d1a8bd65a65628454ee40004060")

    def test_keys(self) -> None:
        found = keys.all_keys(NODES, TOOLCHAIN)
        expected = {
            "a/app-1": "5dbd28f24cba1853000391b102219002",
            "a/lib-1": "0e6a2beb69421404c06f91b5b26cd6a5",
            "a/tool-1": "7aeebe36a8b54c92187ea78f4b32ab02",
            "a/cycle-1": "929de3bfb1ced661e9b73c757f117f41",
        }
        self.assertEqual(found, expected)

    def test_what_is_installed(self) -> None:
        contents = b"dir /usr\nobj /usr/a b 0123 17\nsym /usr/l -> a 18\n"
        digest = "1fbbae7dfa1efd0be5a44549544416a3092e4e9ffd20cc56ae04a868f755b679"
        self.assertEqual(keys.installed_text("a/b-1", contents), f"installed:a/b-1:{digest}")

    def test_a_key_beside_a_docks_code(self) -> None:
        """The same value is in the tests of `bb`, which computes it too."""
        key = "0123456789abcdef0123456789abcdef"
        self.assertEqual(keys.own_key(key, ""), key)
        self.assertEqual(keys.own_key(key, "x"), "87bee060fe173cb615bd5f27252792a1")


class Contents(unittest.TestCase):
    def test_every_ingredient_counts(self) -> None:
        others = [
            replace(INGREDIENTS, cpv="sys-libs/z-2"),
            replace(INGREDIENTS, ebuild="other"),
            replace(INGREDIENTS, eclasses=INGREDIENTS.eclasses[:1]),
            replace(INGREDIENTS, files=[]),
            replace(INGREDIENTS, sources=[keys.source_line("z-1.tar.xz", {"size": 8, "BLAKE2B": "b2"})]),
            replace(INGREDIENTS, use=["amd64"]),
            replace(INGREDIENTS, settings=["CFLAGS=-O3", "FEATURES="]),
            replace(INGREDIENTS, site=[]),
        ]
        digests = {INGREDIENTS.digest(), *(other.digest() for other in others)}
        self.assertEqual(len(digests), len(others) + 1)

    def test_a_line_in_another_place_is_another_package(self) -> None:
        moved = replace(INGREDIENTS, files=[], sources=[*INGREDIENTS.files, *INGREDIENTS.sources], use=["amd64"])
        split = replace(INGREDIENTS, files=["fix.patch", "abc"])
        self.assertNotEqual(moved.digest(), INGREDIENTS.digest())
        self.assertNotEqual(split.digest(), INGREDIENTS.digest())

    def test_the_order_in_a_manifest_does_not_count(self) -> None:
        self.assertEqual(keys.source_line("a", {"x": 1, "y": 2}), keys.source_line("a", {"y": 2, "x": 1}))

    def test_the_order_of_dependencies_does_not_count(self) -> None:
        app = NODES["a/app-1"]
        self.assertEqual(changed_by("a/app-1", replace(app, build=list(reversed(app.build)))), set())

    def test_what_is_there_while_a_package_is_built_counts(self) -> None:
        self.assertEqual(
            changed_by("a/lib-1", replace(NODES["a/lib-1"], own="other")), {"a/app-1", "a/lib-1", "a/cycle-1"}
        )
        self.assertEqual(changed_by("a/tool-1", replace(NODES["a/tool-1"], own="other")), set(NODES))

    def test_what_it_needs_itself_only_to_run_does_not(self) -> None:
        lone = {"a/x-1": Node("x", [], ["a/y-1"], frozenset()), "a/y-1": Node("y", [], [], frozenset())}
        other = {**lone, "a/y-1": replace(lone["a/y-1"], own="other")}
        self.assertEqual(keys.key("a/x-1", lone, []), keys.key("a/x-1", other, []))

    def test_but_what_those_need_to_run_that_it_is_built_with_does(self) -> None:
        lib = replace(NODES["a/lib-1"], run=["installed:a/rt-2:r"])
        self.assertEqual(changed_by("a/lib-1", lib), {"a/app-1", "a/cycle-1"})

    def test_subslots_count_where_they_are_recorded(self) -> None:
        app = replace(NODES["a/app-1"], slots=frozenset({"a/lib:0/2", "a/b:2/3"}))
        self.assertEqual(changed_by("a/app-1", app), {"a/app-1"})

    def test_the_toolchain_is_in_every_key(self) -> None:
        before, now = (
            keys.all_keys(NODES, TOOLCHAIN),
            keys.all_keys(NODES, [*TOOLCHAIN[1:], "installed:sys-devel/gcc-15:x"]),
        )
        self.assertFalse(set(before.values()) & set(now.values()))

    def test_a_cycle_reaches_itself_once(self) -> None:
        self.assertEqual(keys.reach("a/tool-1", NODES), set())
        self.assertEqual(
            keys.reach("a/cycle-1", NODES),
            {"a/tool-1", "a/app-1", "a/lib-1", "installed:a/make-1:m", "installed:a/rt-1:r"},
        )


class Toolchain(unittest.TestCase):
    def test_a_stage3_that_records_its_compiler_is_known_by_that(self) -> None:
        self.assertEqual(keys.toolchain_texts(TOOLCHAIN, "sha256:stage3"), TOOLCHAIN)

    def test_another_by_its_digest(self) -> None:
        for part in ([], TOOLCHAIN[:1], TOOLCHAIN[1:]):
            self.assertEqual(keys.toolchain_texts(part, "sha256:stage3"), [*part, "sha256:stage3"])

    def test_file_times_are_no_difference_between_two_installed(self) -> None:
        texts = {keys.installed_text("a/b-1", b"obj /a 0123 %d\n" % time) for time in (1, 23)}
        self.assertEqual(len(texts), 1)
        self.assertNotEqual(texts, {keys.installed_text("a/b-1", b"obj /a 0124 1\n")})


if __name__ == "__main__":
    unittest.main()
