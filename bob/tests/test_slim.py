#!/usr/bin/env python3
"""What of a ROOT goes into an image, and what is its difference to the parent. Needs no Portage:

    python3 bob/tests/test_slim.py
"""

import os
import socket
import sys
import tarfile
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../image"))
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
        return sorted(slim.select(tree(*paths), **options).kept)

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
        kept = self.kept("usr/", "usr/lib/", "usr/lib/a/", "usr/lib/a/b/", "usr/lib/a/b/x.h",
                         "srv/", "srv/empty/", "srv/kept/", "srv/kept/.keep_www_server-0")
        self.assertEqual(kept, ["srv", "srv/empty", "srv/kept", "usr", "usr/lib"])

    def test_a_name_s_ending_alone_is_no_rule(self):
        paths = ["srv/", "srv/www/", "srv/www/page.h", "srv/www/a.a", "srv/www/pkg.pc", "srv/www/x.la", "srv/www/x.gir",
                 "opt/", "opt/tool/", "opt/tool/include/", "opt/tool/include/t.h", "usr/", "usr/share/",
                 "usr/share/pocl/", "usr/share/pocl/builtin.h", "usr/lib64/", "usr/lib64/ImageMagick/",
                 "usr/lib64/ImageMagick/png.la", "home/", "home/.keep=diary"]
        self.assertEqual(self.kept(*paths), sorted(path.rstrip("/").partition("=")[0] for path in paths))

    def test_what_a_program_reads_stays_where_the_program_is(self):
        base = ["usr/", "usr/bin/", "usr/share/"]
        read = {"usr/share/zsh/": "app-shells/zsh-5.9-r6", "usr/share/fish/": "app-shells/fish-3.7",
                "usr/share/bash-completion/": "app-shells/bash-completion-2.14", "usr/share/man/": "sys-apps/man-db-2.12",
                "usr/share/gdb/": "dev-debug/gdb-15", "usr/share/info/": "sys-apps/texinfo-7"}
        for folder, package in read.items():
            paths = [*base, folder, f"{folder}functions"]
            self.assertEqual(self.kept(*paths), ["usr", "usr/bin", "usr/share"], folder)
            records = ["var/", "var/db/", "var/db/pkg/", f"var/db/pkg/{package}/"]
            self.assertEqual(self.kept(*paths, *records)[3:5], [folder.rstrip("/"), f"{folder}functions"])
            near = package.replace("-", "-completions-", 1) if "man" not in package else "sys-apps/man-db-tools-1"
            self.assertEqual(self.kept(*paths, *records[:3], f"var/db/pkg/{near}/")[3:], ["var", "var/db"], near)
        kept = self.kept(*base, "usr/bin/zsh", "usr/share/zsh/", "usr/share/zsh/f")
        self.assertEqual(kept[-2:], ["usr/share/zsh", "usr/share/zsh/f"])

    def test_a_dock_names_what_it_wants_all_the_same(self):
        paths = ["usr/", "usr/include/", "usr/include/a.h", "usr/include/sub/", "usr/include/sub/b.h",
                 "usr/include/sub/deep/", "usr/include/sub/deep/c.h", "usr/share/", "usr/share/doc/", "usr/share/doc/x"]
        wanted = {
            "/usr/include/a.h": "usr/include usr/include/a.h",
            "usr/include/*.h": "usr/include usr/include/a.h",
            "/usr/include/**/c.h": "usr/include usr/include/sub usr/include/sub/deep usr/include/sub/deep/c.h",
            "/usr/*/sub/?.h": "usr/include usr/include/sub usr/include/sub/b.h",
            "/usr/include/sub/d*": "usr/include usr/include/sub usr/include/sub/deep usr/include/sub/deep/c.h",
            "/usr/include/[!b-z].h  /usr/share/[a-d]oc": "usr/include usr/include/a.h usr/share/doc usr/share/doc/x",
            "/usr/include/[ab]": "",
        }
        for pattern, kept in wanted.items():
            self.assertEqual(self.kept(*paths, keep=pattern), sorted(["usr", "usr/share", *kept.split()]), pattern)

    def test_portages_records_cannot_be_kept(self):
        paths = ["var/", "var/db/", "var/db/pkg/", "var/db/pkg/a/", "etc/", "etc/env.d/", "etc/env.d/a"]
        self.assertEqual(self.kept(*paths, keep="/var /etc"), ["etc", "etc/env.d", "etc/env.d/a", "var", "var/db"])

    def test_what_is_left_out_is_told_with_its_rule(self):
        selection = slim.select(tree("usr/", "usr/include/", "usr/include/a\nb.h", "usr/lib/", "usr/lib/x/",
                                     "usr/lib/x/a.a", "var/", "var/log/", "var/log/emerge.log", "srv/", "srv/.keep"))
        self.assertEqual(selection.left_out, {
            "usr/include": "headers", "usr/include/a\nb.h": "headers", "usr/lib/x/a.a": "static-libraries",
            "usr/lib/x": "emptied", "var/log/emerge.log": "records", "srv/.keep": "keepdir"})

    def test_a_name_that_only_begins_alike_is_no_match(self):
        self.assertEqual(self.kept("usr/", "usr/share/", "usr/share/manuals", "usr/bin/", "usr/bin/a.out"),
                         ["usr", "usr/bin", "usr/bin/a.out", "usr/share", "usr/share/manuals"])


class Difference(unittest.TestCase):
    def test_changed_and_new_paths_with_every_folder_on_the_way(self):
        before = tree("tmp/", "usr/", "usr/bin/", "usr/bin/a=1", "usr/bin/b=1")
        now = tree("tmp/", "usr/", "usr/bin/", "usr/bin/a=2", "usr/bin/b=1", "tmp/x")
        found = pack.difference(before, now, set(before), set(now))
        self.assertEqual((found.changed, found.gone), (["tmp", "tmp/x", "usr", "usr/bin", "usr/bin/a"], []))
        self.assertEqual(found.ways, ["tmp", "usr", "usr/bin"])

    def test_what_is_gone_is_whited_out_once(self):
        before = tree("usr/", "usr/lib/", "usr/lib/x/", "usr/lib/x/1", "usr/lib/x/2", "usr/lib/y")
        now = tree("usr/", "usr/lib/")
        found = pack.difference(before, now, set(before), set(now))
        self.assertEqual((found.changed, found.gone), (["usr", "usr/lib"], ["usr/lib/x", "usr/lib/y"]))
        self.assertEqual(found.ways, ["usr", "usr/lib"])

    def test_a_folder_that_is_itself_another_one_is_not_only_a_way(self):
        before, now = tree("srv/", "srv/a"), tree("srv/", "srv/a", "srv/b")
        now["srv"] = now["srv"]._replace(mode=0o700)
        self.assertEqual(pack.difference(before, now, set(before), set(now)), (["srv", "srv/b"], [], []))

    def test_what_changes_its_kind_is_one_change_and_no_whiteout_below_it(self):
        before = tree("srv/", "srv/a/", "srv/a/b/", "srv/a/b/c", "srv/x")
        for kind in "flcbp":
            now = tree("srv/", "srv/a", "srv/x")
            now["srv/a"] = now["srv/a"]._replace(kind=kind, data="../etc")
            found = pack.difference(before, now, set(before), set(now))
            self.assertEqual(found, (["srv", "srv/a"], ["srv"], []), kind)
            back = pack.difference(now, before, set(now), set(before))
            self.assertEqual(back, (["srv", "srv/a", "srv/a/b", "srv/a/b/c"], ["srv"], []), kind)

    def test_what_the_parent_kept_is_not_whited_out(self):
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        self.assertEqual(pack.difference(before, dict(before), set(before), set(before)), ([], [], []))

    def test_what_the_parent_left_out_is_packed_when_kept_here(self):
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        found = pack.difference(before, dict(before), {"usr"}, set(before))
        self.assertEqual(found, (["usr", "usr/include", "usr/include/a.h"], ["usr"], []))

    def test_what_the_parent_left_out_leaves_no_whiteout(self):
        before = tree("usr/", "usr/include/", "usr/include/a.h")
        self.assertEqual(pack.difference(before, tree("usr/"), {"usr"}, {"usr"}), ([], [], []))

    def test_what_the_parents_root_had_is_told_where_this_image_has_something_else(self):
        before = tree("etc/", "etc/passwd=1", "etc/group=1", "etc/motd=1", "etc/gone=1", "etc/only-root=1", "etc/same=1")
        now = tree("etc/", "etc/passwd=2", "etc/group=1", "etc/motd=2", "etc/only-root=2", "etc/same=1", "etc/new=1")
        accounts = {"etc/passwd": b"root:x:\xff\n", "etc/group": b"root:x:0:\n"}
        told = list(pack.base(before, now, set(before) - {"etc/only-root"}, accounts))
        self.assertEqual(told, ["etc/gone", "f 755 0 0", "1", "etc/motd", "f 755 0 0", "1",
                                "etc/passwd", "t 755 0 0", "root:x:\udcff\n"])


class Whole(unittest.TestCase):
    """pack on a folder, with what Portage would say left out."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root, self.out = f"{folder.name}/root", f"{folder.name}/out"
        os.makedirs(f"{self.root}/srv")
        os.makedirs(f"{self.root}/var/lib")
        os.mkdir(self.out)
        pack.ROOT = self.root
        pack.packages.counters = lambda root: {}
        pack.write_packages = pack.write_sysroot = lambda *_: None
        os.environ["BOB_EPOCH"] = "0"

    def pack(self, change):
        pack.remember(f"{self.out}/before.json")
        change()
        pack.pack(f"{self.out}/before.json", self.out)
        with tarfile.open(f"{self.out}/rootfs.tar", errors="surrogateescape") as tar:
            return [name for name in tar.getnames() if not name.startswith("var")]

    def write(self, name):
        with open(f"{self.root}/srv/{name}", "w") as file:
            file.write(name.encode(errors="surrogateescape").hex())

    def list_of(self, name):
        with open(f"{self.out}/{name}", "rb") as file:
            return [os.fsdecode(text) for text in file.read().split(b"\0")[:-1]]

    def test_no_name_makes_a_child_lose_it(self):
        odd = ["a\nb", "a", "b", "line\u2028sep", "line", "next\u0085line", "form\ffeed", "latin\udce9", "cr\rin"]
        self.pack(lambda: [self.write(name) for name in odd])
        self.assertEqual(self.pack(lambda: self.write("new")), ["srv", "srv/new"])
        self.assertEqual(self.list_of("rootfs.ways"), ["srv"])
        self.assertEqual(self.pack(lambda: os.unlink(f"{self.root}/srv/line\u2028sep")), ["srv", "srv/.wh.line\u2028sep"])

    def test_a_long_name_is_taken_away(self):
        folder = "/".join(["d" * 200, "e" * 200])

        def make():
            os.makedirs(f"{self.root}/srv/{folder}")
            self.write(f"{folder}/{'f' * 240}")
        self.pack(make)
        gone = self.pack(lambda: os.unlink(f"{self.root}/srv/{folder}/{'f' * 240}"))
        self.assertEqual(gone[-1], f"srv/{folder}/.wh.{'f' * 240}")

    def test_a_socket_is_in_no_list(self):
        def listen():
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(f"{self.root}/srv/s")
            self.write("f")
        self.assertEqual(self.pack(listen), ["srv", "srv/f"])
        self.assertEqual(self.pack(lambda: os.unlink(f"{self.root}/srv/s")), ["srv"])
        self.assertEqual(self.list_of("rootfs.ways"), ["srv"])

    def test_a_socket_in_the_place_of_a_parents_file_takes_it_away(self):
        self.pack(lambda: self.write("f"))

        def listen():
            os.unlink(f"{self.root}/srv/f")
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(f"{self.root}/srv/f")
        self.assertEqual(self.pack(listen), ["srv", "srv/.wh.f"])

    def test_a_name_that_no_layer_can_hold_is_refused(self):
        with self.assertRaises(SystemExit) as refused:
            self.pack(lambda: self.write(".wh.x\n"))
        self.assertIn("no image can hold `/srv/.wh.x\n`", str(refused.exception))

    def test_what_is_left_out_is_listed_once(self):
        def merge():
            os.makedirs(f"{self.root}/usr/include")
            with open(f"{self.root}/usr/include/a.h", "w") as file:
                file.write("four")
        self.pack(merge)
        self.assertEqual(self.list_of("rootfs.left-out"), ["headers", "4", "usr/include/a.h"])
        self.pack(lambda: self.write("f"))
        self.assertEqual([name for name in self.list_of("rootfs.left-out") if "include" in name], [])


if __name__ == "__main__":
    unittest.main()
