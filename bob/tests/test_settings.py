"""Which settings are in a key."""

import unittest

from gentoo_bob import settings


class Settings(unittest.TestCase):
    def test_unknown_ones_count_and_what_changes_no_content_does_not(self) -> None:
        known = [
            "MY_OWN",
            "MAKEOPTS",
            "USE",
            "PYTHON_TARGETS",
            "EMERGE_DEFAULT_OPTS",
            "LC_ALL",
            "ACCEPT_KEYWORDS",
            "PORTAGE_NICENESS",
        ]
        found = settings.names(known, ["PYTHON_TARGETS"])
        self.assertEqual(set(found) - settings.ALWAYS, {"MY_OWN"})
        self.assertEqual(found, sorted(found))

    def test_some_count_although_nobody_sets_them(self) -> None:
        self.assertIn("CFLAGS", settings.names([], []))

    def test_what_is_expanded_into_use_flags_counts_there(self) -> None:
        self.assertNotIn("ELIBC", settings.names(["ELIBC"], ["ELIBC"]))

    def test_a_line_for_each_with_blanks_of_no_matter(self) -> None:
        values = {"CFLAGS": " -O2\n\t-pipe ", "X": ""}
        lines = settings.lines(["CFLAGS", "X", "Y"], values.get, ["xattr", "sandbox", "nostrip"])
        self.assertEqual(lines, ["CFLAGS=-O2 -pipe", "X=", "Y=", "FEATURES=nostrip xattr"])


if __name__ == "__main__":
    unittest.main()
