"""Which libraries are found to be missing in a ROOT: with files of five bytes, and records written by hand."""

import os
import tempfile
import unittest

from gentoo_bob import libraries, records, tree

WIDE, NARROW = b"\x7fELF\x02", b"\x7fELF\x01"
CPV = "app-misc/app-1"
APP = "/usr/bin/app"


class Libraries(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.outer, self.root = folder.name, f"{folder.name}/root"
        self.put(APP)

    def put(self, path: str, content: bytes = WIDE) -> None:
        whole = f"{self.root}/{path}"
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "wb") as file:
            file.write(content)

    def link(self, path: str, target: str) -> None:
        os.makedirs(os.path.dirname(f"{self.root}/{path}"), exist_ok=True)
        os.symlink(target, f"{self.root}/{path}")

    def record(self, *lines: str, cpv: str = CPV, name: str = "NEEDED.ELF.2") -> None:
        self.put(f"{records.VDB}/{cpv}/{name}", "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))

    def missing(self, *but: str) -> list[str]:
        """`path soname` of each, of whatever package."""
        said = [message.split("`") for message in libraries.missing(self.root, but)]
        return [f"{words[1]} {words[3]}" for words in said]

    def is_found(self, path: str, soname: str = "liba.so.1", run_path: str = "", of: str = APP) -> bool:
        """In a ROOT that is as it is, with a library more."""
        self.record(f"X86_64;{of};;{run_path};{soname};x86_64")
        self.assertEqual(self.missing(), [f"{of} {soname}"])
        self.put(path)
        return not self.missing()

    def test_a_message(self) -> None:
        self.record(f"X86_64;{APP};;;libb.so.2,liba.so.1,,libc.so.6;x86_64")
        self.put("lib64/libc.so.6")
        of_app = f"`{APP}` of {CPV} needs "
        self.assertEqual(
            libraries.missing(self.root, iter(())),
            [f"{of_app}`libb.so.2`, which is not there", f"{of_app}`liba.so.1`, which is not there"],
        )

    def test_nothing_at_all(self) -> None:
        self.assertEqual(libraries.missing(f"{self.outer}/nowhere", []), [])
        self.assertEqual(self.missing(), [])

    def test_where_libraries_always_are(self) -> None:
        places = ("lib64", "usr/lib64", "lib", "usr/lib", "lib32", "usr/lib32", "usr/local/lib64", "usr/local/lib")
        for place in places:
            with self.subTest(place):
                self.assertTrue(self.is_found(f"{place}/liba.so.1"))
                os.remove(f"{self.root}/{place}/liba.so.1")
        self.assertFalse(self.is_found("opt/lib/liba.so.1"))
        self.assertFalse(self.is_found("usr/lib64/a/liba.so.1"))
        self.assertFalse(self.is_found("liba.so.1"))

    def test_run_paths(self) -> None:
        app = "/opt/app/bin/app"
        self.put(app)
        places = {
            "/opt/x/lib": "opt/x/lib",
            "/nowhere:/opt/x/lib2": "opt/x/lib2",
            ":/opt/x/lib3:": "opt/x/lib3",
            "$ORIGIN": "opt/app/bin",
            "$ORIGIN/../lib": "opt/app/lib",
            "${ORIGIN}/../lib2": "opt/app/lib2",
            "/nowhere:${ORIGIN}/a:$ORIGIN/b": "opt/app/bin/b",
            "$ORIGIN/../../../../../top": "top",
        }
        for at, (run_path, place) in enumerate(places.items()):
            with self.subTest(run_path):
                self.assertTrue(self.is_found(f"{place}/lib{at}.so", f"lib{at}.so", run_path, app))
        self.assertFalse(self.is_found("opt/app/binAL/x.so", "x.so", "$ORIGINAL", app))
        self.assertFalse(self.is_found("opt/app/bin/y.so", "y.so", "", app))

    def test_a_run_path_is_one_file_s_own(self) -> None:
        self.put("/usr/bin/other")
        self.put("opt/lib/liba.so.1")
        self.record(f"X86_64;{APP};;/opt/lib;liba.so.1;x86_64", "X86_64;/usr/bin/other;;;liba.so.1;x86_64")
        self.assertEqual(self.missing(), ["/usr/bin/other liba.so.1"])

    def test_what_a_package_has_itself_is_there(self) -> None:
        """A plugin, and the library that the program finds by its own run path."""
        self.put("usr/lib64/app/plugin.so")
        self.put("usr/lib64/app/libown.so.1")
        own = "X86_64;/usr/lib64/app/libown.so.1;libown.so.1;;;x86_64"
        needs = "X86_64;/usr/lib64/app/plugin.so;;;libown.so.1;x86_64"
        self.record(needs, own)
        self.assertEqual(self.missing(), [])
        self.put("usr/lib64/app/libown.so.1", NARROW)
        self.assertEqual(self.missing(), ["/usr/lib64/app/plugin.so libown.so.1"])
        os.remove(f"{self.root}/usr/lib64/app/libown.so.1")
        self.assertEqual(self.missing(), ["/usr/lib64/app/plugin.so libown.so.1"])
        # Not what another has.
        self.put("usr/lib64/app/libown.so.1")
        self.record(needs)
        self.record(own, cpv="app-misc/other-1")
        self.assertEqual(self.missing(), ["/usr/lib64/app/plugin.so libown.so.1"])

    def test_folders_of_ld_so_conf(self) -> None:
        self.put(
            "etc/ld.so.conf",
            b"# comment\n\n/opt/a  # why\ninclude ld.so.conf.d/*.conf /etc/more/x\n  /opt/b\ninclude\n",
        )
        self.put("etc/ld.so.conf.d/1.conf", b"/opt/c\ninclude sub/*\n")
        self.put("etc/ld.so.conf.d/sub/file", b"/opt/d\n\xff\n/no\0where\n")
        self.put("etc/ld.so.conf.d/none", b"/opt/not\n")
        self.put("etc/more/x", b"/opt/e\n")
        for at, letter in enumerate("abcde"):
            with self.subTest(letter):
                self.assertTrue(self.is_found(f"opt/{letter}/lib{at}.so", f"lib{at}.so"))
        self.assertEqual(next(libraries.configured(self.root)), "/opt/a")
        self.assertFalse(self.is_found("opt/not/x.so", "x.so"))
        self.assertFalse(self.is_found("etc/include/x.so", "x.so"))

    def test_ld_so_conf_that_leads_in_circles_or_nowhere(self) -> None:
        self.put("etc/ld.so.conf", b"include ld.so.conf\ninclude round/* nowhere/*\n/opt/a\n")
        self.link("etc/round", "round")
        self.assertEqual(list(libraries.configured(self.root)), ["/opt/a"])
        os.remove(f"{self.root}/etc/ld.so.conf")
        self.link("etc/ld.so.conf", "ld.so.conf")
        self.assertEqual(list(libraries.configured(self.root)), [])
        os.remove(f"{self.root}/etc/ld.so.conf")
        os.mkfifo(f"{self.root}/etc/ld.so.conf")
        self.assertEqual(list(libraries.configured(self.root)), [])

    def test_so_many_files_of_ld_so_conf_and_no_more(self) -> None:
        self.put("etc/ld.so.conf", b"include d/0\n")
        for at in range(200):
            self.put(f"etc/d/{at}", f"/opt/{at}\ninclude {at + 1}\n".encode())
        self.assertEqual(len(list(libraries.configured(self.root))), libraries.MOST_INCLUDED - 1)

    def test_links_are_those_of_root(self) -> None:
        os.makedirs(f"{self.root}/usr/lib64")
        self.link("lib64", "/usr/lib64")
        self.link("usr/lib64/liba.so.1", "/lib64/liba.so.1.2")
        self.assertTrue(self.is_found("usr/lib64/liba.so.1.2"))
        # This machine's own is none.
        with open(f"{self.outer}/libb.so", "wb") as file:
            file.write(WIDE)
        self.link("usr/lib64/libb.so", f"{self.outer}/libb.so")
        self.link("usr/lib64/libc.so", "../../../libb.so")
        self.record(f"X86_64;{APP};;;libb.so,libc.so;x86_64")
        self.assertEqual(self.missing(), [f"{APP} libb.so", f"{APP} libc.so"])

    def test_links_in_circles_and_to_nothing(self) -> None:
        self.link("usr/lib64/liba.so.1", "liba.so.1")
        self.link("usr/lib64/libb.so.1", "gone")
        self.link("usr/bin/round", "/usr/bin/round")
        self.link("usr/local", "local")
        self.record(f"X86_64;{APP};;/usr/local;liba.so.1,libb.so.1;x86_64", "X86_64;/usr/bin/round;;;libx.so;x86_64")
        self.assertEqual(self.missing(), [f"{APP} liba.so.1", f"{APP} libb.so.1"])

    def test_what_has_a_slash_is_a_path(self) -> None:
        self.put("usr/lib64/opt/own.so")
        self.assertTrue(self.is_found("opt/own.so", "/opt/own.so"))
        self.assertFalse(self.is_found("usr/lib64/opt/other.so", "opt/other.so"))

    def test_files_that_are_gone_or_others_need_nothing(self) -> None:
        self.put("usr/bin/script", b"#!/bin/sh\n")
        self.put("usr/bin/short", b"\x7fELF")
        os.makedirs(f"{self.root}/usr/bin/folder")
        names = ("gone", "script", "short", "folder")
        self.record(*(f"X86_64;/usr/bin/{name};;;liba.so.1;x86_64" for name in names))
        self.assertEqual(self.missing(), [])

    def test_a_library_is_an_elf_file_of_the_same_class(self) -> None:
        self.put("usr/bin/narrow", NARROW)
        self.record(f"X86_64;{APP};;;liba.so.1;x86_64", "386;/usr/bin/narrow;;;liba.so.1;x86_32")
        both = [f"{APP} liba.so.1", "/usr/bin/narrow liba.so.1"]
        self.put("usr/lib/liba.so.1", NARROW)
        self.assertEqual(self.missing(), both[:1])
        self.put("usr/lib64/liba.so.1")
        self.assertEqual(self.missing(), [])
        os.remove(f"{self.root}/usr/lib/liba.so.1")
        self.assertEqual(self.missing(), both[1:])
        for content in (b"", b"GROUP ( /usr/lib64/libx.so )\n", b"\x7fELF"):
            self.put("usr/lib64/liba.so.1", content)
            self.assertEqual(self.missing(), both)
        os.remove(f"{self.root}/usr/lib64/liba.so.1")
        os.makedirs(f"{self.root}/usr/lib64/liba.so.1")
        self.assertEqual(self.missing(), both)

    def test_what_comes_from_elsewhere(self) -> None:
        self.record(f"X86_64;{APP};;;liba.so.1,libb.so.2;x86_64")
        for patterns, left in {
            ("liba.so.1",): ["libb.so.2"],
            ("lib?.so.*",): [],
            ("liba", "b.so.2", "LIBA.SO.1"): ["liba.so.1", "libb.so.2"],
            ("libb*", "nosuch"): ["liba.so.1"],
            ("/usr/bin/app",): [],
            ("usr/bin/a*",): [],
            ("/opt/*",): ["liba.so.1", "libb.so.2"],
        }.items():
            with self.subTest(patterns):
                self.assertEqual(self.missing(*patterns), [f"{APP} {soname}" for soname in left])

    def test_what_an_ebuild_says_that_comes_from_elsewhere(self) -> None:
        self.record(f"X86_64;{APP};;;liba.so.1,libb.so.2,libc.so.6;x86_64")
        self.record("liba.so.* 'libc.so.6'", name="REQUIRES_EXCLUDE")
        self.record(f"X86_64;{APP};;;liba.so.1;x86_64", cpv="app-misc/other-1")
        self.assertEqual(self.missing(), [f"{APP} libb.so.2", f"{APP} liba.so.1"])
        self.record("'lib[ab].so.?", name="REQUIRES_EXCLUDE")
        self.assertEqual(len(self.missing()), 4)

    def test_lines_that_are_none(self) -> None:
        self.record(
            "", "X86_64", f"X86_64;{APP};;", ";;;;", "\udcff;\udcff;;\udcff;\udcff", f"X86_64;{APP};;;liba.so.1"
        )
        self.assertEqual(self.missing(), [f"{APP} liba.so.1"])
        self.record(f"X86_64;{APP};;;liba.so.1;x86_64;more;and more")
        self.assertEqual(self.missing(), [f"{APP} liba.so.1"])

    def test_what_a_hook_has_put_there_is_asked_itself(self) -> None:
        self.record(f"X86_64;{APP};;;liba.so.1,libc.so.6")
        with open("/bin/sh", "rb") as shell:
            self.put("opt/tool", shell.read())
        self.put("opt/cut", WIDE)
        self.put("opt/text", b"#!/bin/sh\n")
        self.link("opt/link", "tool")
        asked = dict(libraries.needs(self.root, tree.scan(self.root)))
        self.assertEqual(
            {path: asked[path] for path in ("usr/bin/app", "opt/cut")},
            {APP[1:]: ["liba.so.1", "libc.so.6"], "opt/cut": []},
        )
        self.assertIn("libc.so.6", asked["opt/tool"])
        self.assertEqual(set(asked), {"usr/bin/app", "opt/cut", "opt/tool"})


if __name__ == "__main__":
    unittest.main()
