#!/usr/bin/env python3
"""What of a ROOT goes into an image, and what is its difference to the parent. Needs no Portage:

    python3 tests/bob/test_slim.py
"""

import os
import sys
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../templates/bob"))
# pack needs it for the list of packages only, which needs Portage.
sys.modules["packages"] = types.ModuleType("packages")

import pack
import slim
from tree import Entry


def tree(*paths):
    """Paths ending in / are folders; `path=text` sets a content."""
    found = {}
    for path in paths:
        name, _, text = path.partition("=")
        kind = "d" if name.endswith("/") else "f"
        found[name.rstrip("/")] = Entry(kind, 0o755, 0, 0, text, ())
    return found


class Slim(unittest.TestCase):
    def kept(self, *paths, **options):
        return sorted(slim.select(tree(*paths), **options))

    def test_what_only_a_compiler_needs_stays_out(self):
        kept = self.kept("usr/", "usr/include/", "usr/include/a.h", "usr/lib64/", "usr/lib64/libz.a",
                         "usr/lib64/libz.la", "usr/lib64/libz.so.1", "usr/lib64/crt1.o", "usr/lib64/pkgconfig/",
                         "usr/lib64/pkgconfig/zlib.pc")
        self.assertEqual(kept, ["usr", "usr/lib64", "usr/lib64/libz.so.1"])

    def test_a_dock_may_keep_headers_and_static_libraries(self):
        paths = ["usr/", "usr/include/", "usr/include/a.h", "usr/lib/", "usr/lib/liba.a", "usr/lib/liba.la"]
        self.assertEqual(self.kept(*paths, keep_headers=True), ["usr", "usr/include", "usr/include/a.h", "usr/lib"])
        self.assertEqual(self.kept(*paths, keep_static_libs=True), ["usr", "usr/lib", "usr/lib/liba.a"])

    def test_a_dock_names_the_locales_and_character_sets_that_it_keeps(self):
        base = ["usr/", "usr/lib64/", "usr/share/"]
        charsets = ["usr/lib64/gconv/", "usr/lib64/gconv/gconv-modules", "usr/lib64/gconv/gconv-modules.d/",
                    "usr/lib64/gconv/gconv-modules.d/extra.conf", "usr/lib64/gconv/ISO8859-1.so",
                    "usr/lib64/gconv/KOI8-R.so", "usr/lib64/gconv/libJIS.so"]
        locales = ["usr/lib/", "usr/lib/locale/", "usr/lib/locale/C.utf8/", "usr/lib/locale/C.utf8/LC_CTYPE",
                   "usr/share/locale/", "usr/share/locale/de/", "usr/share/locale/de/a.mo", "usr/share/locale/fr/",
                   "usr/share/locale/fr/a.mo", "usr/share/i18n/", "usr/share/i18n/charmaps/"]
        paths = base + charsets + locales
        stays = [path.rstrip("/") for path in base + locales[:4]]
        self.assertEqual(self.kept(*paths), sorted(stays))
        one = [path.rstrip("/") for path in charsets if "KOI8" not in path]
        self.assertEqual(self.kept(*paths, keep_charsets="ISO8859-1"), sorted(stays + one))
        german = ["usr/share/locale", "usr/share/locale/de", "usr/share/locale/de/a.mo"]
        self.assertEqual(self.kept(*paths, keep_locales="de at"), sorted(stays + german))
        every = [path.rstrip("/") for path in paths]
        self.assertEqual(self.kept(*paths, keep_locales="*", keep_charsets="*"), sorted(every))

    def test_portages_records_stay_out(self):
        kept = self.kept("var/", "var/db/", "var/db/pkg/", "var/db/pkg/a/", "var/db/pkg/a/b-1/", "var/lib/",
                         "var/lib/portage/", "var/lib/portage/world", "var/cache/", "var/cache/edb/", "etc/",
                         "etc/env.d/", "etc/env.d/00base", "etc/shadow-", "etc/shadow", "etc/._cfg0000_hosts")
        self.assertEqual(kept, ["etc", "etc/shadow", "var", "var/cache", "var/db", "var/lib"])

    def test_emptied_folders_go_and_empty_ones_stay(self):
        kept = self.kept("usr/", "usr/share/", "usr/share/a/", "usr/share/a/b/", "usr/share/a/b/x.pc",
                         "srv/", "srv/empty/", "srv/kept/", "srv/kept/.keep_www_server-0")
        self.assertEqual(kept, ["srv", "srv/empty", "srv/kept", "usr", "usr/share"])

    def test_a_name_that_only_begins_alike_is_no_match(self):
        self.assertEqual(self.kept("usr/", "usr/share/", "usr/share/manuals", "usr/bin/", "usr/bin/a.out"),
                         ["usr", "usr/bin", "usr/bin/a.out", "usr/share", "usr/share/manuals"])


class Difference(unittest.TestCase):
    def test_changed_and_new_paths_with_every_folder_on_the_way(self):
        before = tree("tmp/", "usr/", "usr/bin/", "usr/bin/a=1", "usr/bin/b=1")
        now = tree("tmp/", "usr/", "usr/bin/", "usr/bin/a=2", "usr/bin/b=1", "tmp/x")
        changed, gone = pack.difference(before, now, set(before), set(now))
        self.assertEqual((changed, gone), (["tmp", "tmp/x", "usr", "usr/bin", "usr/bin/a"], []))

    def test_what_is_gone_is_whited_out_once(self):
        before = tree("usr/", "usr/lib/", "usr/lib/x/", "usr/lib/x/1", "usr/lib/x/2", "usr/lib/y")
        now = tree("usr/", "usr/lib/")
        changed, gone = pack.difference(before, now, set(before), set(now))
        self.assertEqual((changed, gone), (["usr", "usr/lib"], ["usr/lib/x", "usr/lib/y"]))

    def test_what_the_parent_kept_is_not_whited_out(self):
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        self.assertEqual(pack.difference(before, dict(before), set(before), {"usr"}), ([], []))

    def test_what_the_parent_left_out_is_packed_when_kept_here(self):
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        changed, gone = pack.difference(before, dict(before), {"usr"}, set(before))
        self.assertEqual((changed, gone), (["usr", "usr/include", "usr/include/a.h"], []))

    def test_what_the_parent_left_out_leaves_no_whiteout(self):
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        self.assertEqual(pack.difference(before, tree("usr/"), {"usr"}, {"usr"}), ([], []))


if __name__ == "__main__":
    unittest.main()
