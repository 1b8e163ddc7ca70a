"""The cache of binary packages: what is there, and what goes."""

import hashlib
import os
import tempfile
import unittest

from gentoo_bob import cache
from gentoo_bob.cache import Note
from gentoo_bob.share import DAY, Used


class Cache(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "b-1-key.gpkg.tar")
        self.folder = folder.name

    def write(self, path: str, text: str) -> None:
        with open(path, "w") as file:
            file.write(text)

    def test_a_name_has_the_key_that_fits(self) -> None:
        key = "0123456789abcdef0123456789abcdef"
        self.assertEqual(cache.name("a/b-1-r2", key, ""), f"a/b-1-r2-{key}.gpkg.tar")
        self.assertEqual(cache.path("a/b-1", key, "x"), "/packages/a/b-1-87bee060fe173cb615bd5f27252792a1.gpkg.tar")

    def test_one_without_a_note_or_with_anothers_is_not_there(self) -> None:
        self.assertIsNone(cache.noted(self.path))
        self.write(self.path, "package")
        self.assertIsNone(cache.noted(self.path))
        self.write(self.path + cache.NOTE, "0" * 64)
        self.assertIsNone(cache.noted(self.path))

    def test_the_time_of_the_note_is_that_of_its_last_use(self) -> None:
        digest = hashlib.sha256(b"package").hexdigest()
        self.write(self.path, "package")
        self.write(self.path + cache.NOTE, digest + "\n")
        os.utime(self.path + cache.NOTE, (17, 17))
        self.assertEqual(cache.noted(self.path), Note(17, digest))

    def test_a_package_and_its_note_are_one_entry(self) -> None:
        self.write(self.path, "package")
        self.write(self.path + cache.NOTE, "note")
        os.utime(self.path, (17, 17))
        (entry,) = cache.entries(self.folder)
        self.assertEqual((entry.path, entry.size), (self.path, len("packagenote")))
        self.assertLess(entry.seconds, DAY)


class Superfluous(unittest.TestCase):
    def gone(self, *found: Used, room: float = 100) -> list[str]:
        return list(cache.superfluous(found, 10 * DAY, room))

    def test_what_nobody_uses_goes(self) -> None:
        self.assertEqual(self.gone(Used(11 * DAY, 1, "old"), Used(9 * DAY, 1, "new")), ["old"])

    def test_where_there_is_too_much_the_longest_unused_go(self) -> None:
        found = [Used(3 * DAY, 40, "c"), Used(1 * DAY, 40, "a"), Used(2 * DAY, 40, "b")]
        self.assertEqual(self.gone(*found), ["c"])
        self.assertEqual(self.gone(*found, room=50), ["b", "c"])

    def test_what_another_builder_may_just_have_found_stays(self) -> None:
        self.assertEqual(self.gone(Used(60, 1000, "young")), [])


if __name__ == "__main__":
    unittest.main()
