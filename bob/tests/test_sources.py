"""Where sources are, as ebuilds and Manifests write it, and package URLs."""

import unittest

from gentoo_bob import addresses, manifests
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
