"""Digests of lists of parts, and of folders."""

import os
import tempfile
import unittest

from gentoo_bob import digests


class Digest(unittest.TestCase):
    def test_is_what_it_was(self) -> None:
        found = digests.digest("key", "2", b"\xff", "wört")
        self.assertEqual(found, "6d10daed57b0060c399ccae14d07a4846d01cc1d4a3fd136334386b542b9f8b2")

    def test_no_two_lists_look_alike(self) -> None:
        lists = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"], ["1:a", "bc"]]
        self.assertEqual(len({digests.digest(*parts) for parts in lists}), len(lists))


class TreeLines(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, path: str, text: str) -> None:
        whole = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w") as file:
            file.write(text)

    def test_files_of_a_folder_before_those_below_in_order(self) -> None:
        for path, text in (("z", "1"), ("b/x", "2"), ("b/c/y", "3"), ("a/w", "4")):
            self.write(path, text)
        lines = digests.tree_lines(self.folder)
        self.assertEqual([line.split()[0] for line in lines], ["z", "a/w", "b/x", "b/c/y"])
        self.assertEqual(lines[0].split()[1], "d6b5915c46057bcb005f46f6433df65609dd3a7a57af75ac1a5a4a7c299ebffb")

    def test_a_file_is_named_by_its_own_path(self) -> None:
        self.write("a", "1")
        path = os.path.join(self.folder, "a")
        self.assertEqual(digests.tree_lines(path), [f"{path} {digests.file_digest(path)}"])

    def test_nothing_has_no_lines(self) -> None:
        self.assertEqual(digests.tree_lines(os.path.join(self.folder, "none")), [])


if __name__ == "__main__":
    unittest.main()
