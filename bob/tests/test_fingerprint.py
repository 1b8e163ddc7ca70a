"""The digest of a ROOT: what a child could notice is in it, what is of one build only is not."""

import os
import tempfile
import unittest

from gentoo_bob.fingerprint import fingerprint, stable_contents
from gentoo_bob.records import VDB
from gentoo_bob.tree import Entry

RECORD = f"{VDB}/a/b-1/"
FILE = Entry("f", 0o644, 0, 0, "hash", ())
TREE = {
    "usr": Entry("d", 0o755, 0, 0, "", ()),
    "usr/a": Entry("f", 0o4755, 0, 5, "hash", (("security.capability", "0100"),)),
    f"{RECORD}BUILD_TIME": Entry("f", 0o644, 0, 0, "now", ()),
    "odd\udce9\n": Entry("l", 0o777, 0, 0, "to\udce9", ()),
}


class Fingerprint(unittest.TestCase):
    def test_is_what_it_was(self) -> None:
        expected = "06f2520a650079c0555fe8d8a58730b6231a5a4bc2ad3746e53b447b21201c68"
        self.assertEqual(fingerprint("/none", TREE), expected)

    def test_what_is_of_one_build_does_not_count(self) -> None:
        before = fingerprint("/none", TREE)
        others = ("var/cache/edb/x", "var/cache/ldconfig/aux-cache", "var/log/portage/a/b")
        for path in (f"{RECORD}COUNTER", f"{RECORD}environment.bz2", *others):
            self.assertEqual(fingerprint("/none", {**TREE, path: FILE}), before, path)
        for path in (f"{RECORD}SLOT", "var/log/portage.log", "etc/COUNTER", "var/cache/edb2"):
            self.assertNotEqual(fingerprint("/none", {**TREE, path: FILE}), before, path)

    def test_everything_of_an_entry_counts(self) -> None:
        entry = TREE["usr/a"]
        others = [
            entry._replace(kind="p"),
            entry._replace(mode=0o755),
            entry._replace(uid=1),
            entry._replace(gid=6),
            entry._replace(data="other"),
            entry._replace(xattrs=()),
        ]
        found = {fingerprint("/none", {**TREE, "usr/a": other}) for other in [entry, *others]}
        self.assertEqual(len(found), len(others) + 1)

    def test_only_a_line_feed_ends_a_line_of_the_list_of_files(self) -> None:
        odd = ["line\u2028sep", "next\u0085line", "form\ffeed", "cr\rin"]
        with tempfile.TemporaryDirectory() as root:
            found = set()
            for time, names in ((17, odd), (18, list(reversed(odd)))):
                with open(os.path.join(root, "CONTENTS"), "w") as file:
                    file.write("".join(f"obj /{name} 0123 {time}\n" for name in names))
                found.add(stable_contents(root, "CONTENTS"))
        self.assertEqual(len(found), 1)


if __name__ == "__main__":
    unittest.main()
