"""What is the difference of an image to its parent."""

import unittest

from gentoo_bob.difference import Difference, base, difference, packed
from trees import tree


class Differences(unittest.TestCase):
    def test_changed_and_new_paths_with_every_folder_on_the_way(self) -> None:
        before = tree("tmp/", "usr/", "usr/bin/", "usr/bin/a=1", "usr/bin/b=1")
        now = tree("tmp/", "usr/", "usr/bin/", "usr/bin/a=2", "usr/bin/b=1", "tmp/x")
        found = difference(before, now, set(before), set(now))
        changed = ["tmp", "tmp/x", "usr", "usr/bin", "usr/bin/a"]
        self.assertEqual(found, Difference(changed, ["tmp", "usr", "usr/bin"], []))

    def test_what_is_gone_is_whited_out_once(self) -> None:
        before = tree("usr/", "usr/lib/", "usr/lib/x/", "usr/lib/x/1", "usr/lib/x/2", "usr/lib/y")
        now = tree("usr/", "usr/lib/")
        found = difference(before, now, set(before), set(now))
        self.assertEqual(found, Difference(["usr", "usr/lib"], ["usr", "usr/lib"], ["usr/lib/x", "usr/lib/y"]))

    def test_a_folder_that_is_itself_another_one_is_not_only_a_way(self) -> None:
        before, now = tree("srv/", "srv/a"), tree("srv/", "srv/a", "srv/b")
        now["srv"] = now["srv"]._replace(mode=0o700)
        self.assertEqual(difference(before, now, set(before), set(now)), Difference(["srv", "srv/b"], [], []))

    def test_what_changes_its_kind_is_one_change_and_no_whiteout_below_it(self) -> None:
        before = tree("srv/", "srv/a/", "srv/a/b/", "srv/a/b/c", "srv/x")
        for kind in "flcbp":
            now = tree("srv/", "srv/a", "srv/x")
            now["srv/a"] = now["srv/a"]._replace(kind=kind, data="../etc")
            found = difference(before, now, set(before), set(now))
            self.assertEqual(found, Difference(["srv", "srv/a"], ["srv"], []), kind)
            back = difference(now, before, set(now), set(before))
            self.assertEqual(back, Difference(["srv", "srv/a", "srv/a/b", "srv/a/b/c"], ["srv"], []), kind)

    def test_what_the_parent_kept_is_not_whited_out(self) -> None:
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        self.assertEqual(difference(before, dict(before), set(before), set(before)), Difference([], [], []))

    def test_what_the_parent_left_out_is_packed_when_kept_here(self) -> None:
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        found = difference(before, dict(before), {"usr"}, set(before))
        self.assertEqual(found, Difference(["usr", "usr/include", "usr/include/a.h"], ["usr"], []))

    def test_what_the_parent_left_out_leaves_no_whiteout(self) -> None:
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        self.assertEqual(difference(before, tree("usr/"), {"usr"}, {"usr"}), Difference([], [], []))

    def test_what_the_parents_root_had_is_told_where_this_image_has_something_else(self) -> None:
        before = tree(
            "etc/", "etc/passwd=1", "etc/group=1", "etc/motd=1", "etc/gone=1", "etc/only-root=1", "etc/same=1"
        )
        now = tree("etc/", "etc/passwd=2", "etc/group=1", "etc/motd=2", "etc/only-root=2", "etc/same=1", "etc/new=1")
        accounts = {"etc/passwd": b"root:x:\xff\n", "etc/group": b"root:x:0:\n"}
        told = list(base(before, now, set(before) - {"etc/only-root"}, accounts))
        self.assertEqual(
            told,
            ["etc/gone", "f 755 0 0", "1", "etc/motd", "f 755 0 0", "1", "etc/passwd", "t 755 0 0", "root:x:\udcff\n"],
        )

    def test_an_image_that_adds_nothing_has_a_folder_all_the_same(self) -> None:
        nothing = Difference([], [], ["gone"])
        self.assertEqual(packed(nothing, tree("usr/", "etc/", "etc/x/", "a")), Difference(["etc"], ["etc"], ["gone"]))
        self.assertEqual(packed(nothing, {}), Difference(["."], ["."], ["gone"]))


if __name__ == "__main__":
    unittest.main()
