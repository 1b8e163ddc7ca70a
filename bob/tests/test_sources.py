"""Where sources are, as ebuilds and Manifests write it, and package URLs."""

import unittest
from typing import ClassVar

from gentoo_bob import addresses, byhand, manifests
from gentoo_bob.purl import purl


class Addresses(unittest.TestCase):
    def test_one_for_each_mirror(self) -> None:
        mirrors = {"gnu": ["https://a.test/gnu/", "https://b.test"]}
        uris = [
            "mirror://gnu/x/y.tar",
            "mirror://none/z",
            "fetch+https://c.test/z",
            "mirror+ftp://d.test/z",
            "bare.tar",
        ]
        found = addresses.plain(uris, mirrors)
        self.assertEqual(
            found, ["https://a.test/gnu/x/y.tar", "https://b.test/x/y.tar", "https://c.test/z", "ftp://d.test/z"]
        )
        self.assertEqual(addresses.web(found), found[:3])


class Restricted(unittest.TestCase):
    """What Portage's own fetch() makes of RESTRICT."""

    MIRRORS: ClassVar = {"gnu": ["https://gnu.test"]}

    def left(self, restrict: str, *uris: str) -> tuple[list[str], bool, bool]:
        left = addresses.allowed(uris, self.MIRRORS, restrict.split())
        return left.uris, left.mirrors, left.by_hand

    def test_without_it_all_is_asked(self) -> None:
        self.assertEqual(self.left("test strip", "https://a.test/x"), (["https://a.test/x"], True, False))
        self.assertEqual(self.left("", "bare.tar"), ([], True, False))

    def test_a_mirror_restriction_leaves_the_own_addresses(self) -> None:
        for restrict in ("mirror", "nomirror"):
            self.assertEqual(self.left(restrict, "https://a.test/x"), (["https://a.test/x"], False, False))
        self.assertEqual(self.left("mirror", "mirror+https://a.test/x"), (["https://a.test/x"], True, False))
        self.assertEqual(self.left("mirror", "fetch+https://a.test/x"), (["https://a.test/x"], False, False))
        self.assertEqual(self.left("mirror", "bare.tar"), ([], False, False))

    def test_a_fetch_restriction_leaves_nothing(self) -> None:
        self.assertEqual(self.left("fetch", "https://a.test/x"), ([], False, True))
        self.assertEqual(self.left("fetch mirror", "bare.tar"), ([], False, True))
        self.assertEqual(self.left("fetch", "fetch+ftp://a.test/x"), (["ftp://a.test/x"], False, True))

    def test_but_what_an_address_lifts(self) -> None:
        both = ("https://a.test/x", "fetch+https://b.test/x")
        self.assertEqual(self.left("fetch", *both), (["https://b.test/x"], False, False))
        self.assertEqual(self.left("fetch", "mirror+https://a.test/x"), (["https://a.test/x"], True, False))
        self.assertEqual(self.left("fetch", "mirror://gnu/x"), (["https://gnu.test/x"], False, False))

    def test_an_ebuilds_words_are_lines_of_text(self) -> None:
        said = b" \x1b[32;01m*\x1b[0m Fetch it from\n *   https://a.test/?x=1\ty\n * \n\n\x07\x1b]0;t\xff\n"
        self.assertEqual(byhand.words(said), "Fetch it from\n  https://a.test/?x=1 y\n\n\n]0;t\ufffd")
        self.assertEqual(byhand.words(b""), "")
        self.assertEqual(len(byhand.words(b"x" * 70000)), byhand.LONGEST)


class Manifests(unittest.TestCase):
    def test_only_hashes_that_are_good_enough_are_told(self) -> None:
        digests = {"size": "7", "MD5": "x", "SHA512": "AB"}
        self.assertEqual(manifests.describe("a", digests), {"name": "a", "size": 7, "sha512": "AB"})
        self.assertEqual(manifests.best_hash(digests), "ab")
        self.assertEqual(manifests.best_hash({**digests, "BLAKE2B": "CD"}), "cd")
        self.assertIsNone(manifests.best_hash({"size": 7, "MD5": "x"}))


class Purls(unittest.TestCase):
    def test_are_escaped(self) -> None:
        found = purl("dev-libs", "gtk+", "3.0_p1-r2", "", "")
        self.assertEqual(found, "pkg:ebuild/dev-libs/gtk%2B@3.0_p1-r2")

    def test_a_subslot_is_no_part_of_one(self) -> None:
        self.assertEqual(purl("a", "b", "1", "3/4", "gentoo"), "pkg:ebuild/a/b@1?repository=gentoo&slot=3")


if __name__ == "__main__":
    unittest.main()
