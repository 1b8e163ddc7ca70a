"""What of a ROOT goes into an image."""

import unittest

from gentoo_bob import slim
from gentoo_bob.slim import Keep
from gentoo_bob.tree import Entry
from trees import tree


class Slim(unittest.TestCase):
    def kept(self, *paths: str, keep: Keep | None = None) -> list[str]:
        return sorted(slim.select(tree(*paths), keep or Keep()).kept)

    def test_what_only_a_compiler_needs_stays_out(self) -> None:
        kept = self.kept(
            "usr/",
            "usr/include/",
            "usr/include/a.h",
            "usr/lib64/",
            "usr/lib64/libz.a",
            "usr/lib64/libz.la",
            "usr/lib64/libz.so.1",
            "usr/lib64/crt1.o",
            "usr/lib64/pkgconfig/",
            "usr/lib64/pkgconfig/zlib.pc",
        )
        self.assertEqual(kept, ["usr", "usr/lib64", "usr/lib64/libz.so.1"])

    def test_a_library_that_is_kept_if_needed_is_kept_where_something_needs_it(self) -> None:
        lib = "usr/lib64/"
        paths = (f"{lib}libm.so.6", f"{lib}libmvec.so.1", f"{lib}libc.so.6", "usr/bin/awk", f"{lib}pkgconfig/x")
        needs = {
            f"{lib}libm.so.6": ["libc.so.6"],
            f"{lib}libmvec.so.1": ["libm.so.6", "libc.so.6"],
            f"{lib}libc.so.6": [],
            f"{lib}pkgconfig/x": ["libm.so.6"],
        }

        def stay(awk: str, keep: Keep) -> set[str]:
            kept = slim.select(tree(*paths), keep, list({**needs, "usr/bin/awk": [awk]}.items())).kept
            return {path.rpartition("/")[2] for path in kept} & {"libm.so.6", "libmvec.so.1", "libc.so.6"}

        spare = Keep(if_needed=("libm.so.6", "libmvec.so.*"))
        # Only what is not in the image itself, or spare too, asks for it.
        self.assertEqual(stay("libc.so.6", spare), {"libc.so.6"})
        self.assertEqual(stay("libm.so.6", spare), {"libc.so.6", "libm.so.6"})
        self.assertEqual(stay("libmvec.so.1", spare), {"libc.so.6", "libm.so.6", "libmvec.so.1"})
        self.assertEqual(stay("libc.so.6", Keep()), {"libc.so.6", "libm.so.6", "libmvec.so.1"})
        named = Keep(if_needed=spare.if_needed, patterns=("/usr/lib64/libm.so.6",))
        self.assertEqual(stay("libc.so.6", named), {"libc.so.6", "libm.so.6"})
        # What is kept by name asks for others.
        for kept in ("/usr/lib64/libmvec.so.1", "/usr/lib64/pkgconfig"):
            named = Keep(if_needed=spare.if_needed, patterns=(kept,))
            self.assertIn("libm.so.6", stay("libc.so.6", named), kept)

    def test_a_library_comes_and_goes_with_its_links(self) -> None:
        links = ("usr/lib64/libz.so.1->libz.so.1.3.1", "usr/lib64/libz.so->libz.so.1.3.1")
        library = "usr/lib64/libz.so.1.3.1"
        others = {"usr/bin/x", "usr/lib64x", "usr/lib64/libz.py"}
        whole = {library, "usr/lib64/libz.so.1", "usr/lib64/libz.so", *others}
        paths = [*links, library, "usr/bin/x", "usr/lib64x->usr/lib64", "usr/lib64/libz.py"]
        for asked, stay in (("libc.so.6", others), ("libz.so.1", whole)):
            needs = [("usr/bin/x", [asked]), (library, ["libc.so.6"])]
            for name in ("lib*", "libz.so.1", "libz.so.1.3.1"):
                keep = Keep(if_needed=(name, "libx"))
                self.assertEqual(slim.select(tree(*paths), keep, needs).kept, stay, name)
            for kept in ("/usr/lib64/libz.so.1", f"/{library}"):
                keep = Keep(if_needed=("libz*",), patterns=(kept,))
                self.assertEqual(slim.select(tree(*paths), keep, needs).kept - {"usr", "usr/lib64"}, whole, kept)

    START = ("crt1.o", "crti.o", "crtn.o", "Scrt1.o", "gcrt1.o", "grcrt1.o", "rcrt1.o", "Mcrt1.o")

    def test_what_a_program_begins_with_stays_with_a_compiler_or_by_name(self) -> None:
        objects = [f"usr/lib64/{name}" for name in self.START]
        paths = [
            "usr/",
            "usr/bin/",
            "usr/lib64/",
            "usr/lib64/other.o",
            "usr/lib64/mycrt1.oo",
            "usr/lib64/crt2.o",
            *objects,
        ]
        stay = ["usr", "usr/bin", "usr/lib64", "usr/lib64/mycrt1.oo"]
        self.assertEqual(self.kept(*paths), stay)
        named = [path for path in objects if "/crt" in path]
        keep = Keep(patterns=("usr/lib64/crt[1in].o",))
        self.assertEqual(self.kept(*paths, keep=keep), sorted([*stay, *named]))
        keep = Keep(patterns=("usr/lib64/crt*.o",))
        self.assertEqual(self.kept(*paths, keep=keep), sorted([*stay, *named, "usr/lib64/crt2.o"]))
        for program in ("usr/bin/gcc", "usr/bin/clang"):
            self.assertEqual(self.kept(*paths, program), sorted([*stay, *objects, program]))
        package = [
            "var/",
            "var/db/",
            "var/db/pkg/",
            "var/db/pkg/sys-devel/",
            "var/db/pkg/sys-devel/gcc-14.2.1_p20241221/",
        ]
        self.assertEqual(self.kept(*paths, *package), sorted([*stay, *objects, "var", "var/db"]))
        config = [*package[:-1], "var/db/pkg/sys-devel/gcc-config-2.11/"]
        self.assertEqual(self.kept(*paths, *config), sorted([*stay, "var", "var/db"]))

    def test_devices_stay_out(self) -> None:
        found = tree("dev/", "srv/", "srv/x/", "srv/x/file")
        found |= {path: Entry(kind, 0o600, 0, 0, "261", ()) for path, kind in [("dev/null", "c"), ("srv/x/b", "b")]}
        found["srv/pipe"] = Entry("p", 0o600, 0, 0, "", ())
        selection = slim.select(found, Keep())
        self.assertEqual(selection.left_out, {"dev/null": "devices", "srv/x/b": "devices"})
        self.assertEqual(selection.kept, {"dev", "srv", "srv/pipe", "srv/x", "srv/x/file"})
        self.assertEqual(slim.select(found, Keep(patterns=("/dev/null",))).left_out, {"srv/x/b": "devices"})

    def test_a_dock_may_keep_headers_and_static_libraries(self) -> None:
        paths = ["usr/", "usr/include/", "usr/include/a.h", "usr/lib/", "usr/lib/liba.a", "usr/lib/liba.la"]
        self.assertEqual(
            self.kept(*paths, keep=Keep(headers=True)), ["usr", "usr/include", "usr/include/a.h", "usr/lib"]
        )
        self.assertEqual(self.kept(*paths, keep=Keep(static_libs=True)), ["usr", "usr/lib", "usr/lib/liba.a"])

    def test_a_dock_names_the_locales_and_character_sets_that_it_keeps(self) -> None:
        base = ["usr/", "usr/lib64/", "usr/share/"]
        charsets = [
            "usr/lib64/gconv/",
            "usr/lib64/gconv/gconv-modules",
            "usr/lib64/gconv/gconv-modules.d/",
            "usr/lib64/gconv/gconv-modules.d/extra.conf",
            "usr/lib64/gconv/ISO8859-1.so",
            "usr/lib64/gconv/KOI8-R.so",
            "usr/lib64/gconv/libJIS.so",
        ]
        locales = [
            "usr/lib/",
            "usr/lib/locale/",
            "usr/lib/locale/C.utf8/",
            "usr/lib/locale/C.utf8/LC_CTYPE",
            "usr/share/locale/",
            "usr/share/locale/de/",
            "usr/share/locale/de/a.mo",
            "usr/share/locale/fr/",
            "usr/share/locale/fr/a.mo",
            "usr/share/i18n/",
            "usr/share/i18n/charmaps/",
        ]
        paths = base + charsets + locales
        stays = [path.rstrip("/") for path in base + locales[:4]]
        self.assertEqual(self.kept(*paths), sorted(stays))
        one = [path.rstrip("/") for path in charsets if "KOI8" not in path]
        self.assertEqual(self.kept(*paths, keep=Keep(charsets=("ISO8859-1",))), sorted(stays + one))
        german = ["usr/share/locale", "usr/share/locale/de", "usr/share/locale/de/a.mo"]
        self.assertEqual(self.kept(*paths, keep=Keep(locales=("de", "at"))), sorted(stays + german))
        every = [path.rstrip("/") for path in paths]
        self.assertEqual(self.kept(*paths, keep=Keep(locales=("*",), charsets=("*",))), sorted(every))

    def test_portages_records_stay_out(self) -> None:
        kept = self.kept(
            "var/",
            "var/db/",
            "var/db/pkg/",
            "var/db/pkg/a/",
            "var/db/pkg/a/b-1/",
            "var/lib/",
            "var/lib/portage/",
            "var/lib/portage/world",
            "var/cache/",
            "var/cache/edb/",
            "etc/",
            "etc/env.d/",
            "etc/env.d/00base",
            "etc/shadow-",
            "etc/shadow",
            "etc/._cfg0000_hosts",
        )
        self.assertEqual(kept, ["etc", "etc/shadow", "var", "var/cache", "var/db", "var/lib"])

    def test_emptied_folders_go_and_empty_ones_stay(self) -> None:
        kept = self.kept(
            "usr/",
            "usr/lib/",
            "usr/lib/a/",
            "usr/lib/a/b/",
            "usr/lib/a/b/x.h",
            "srv/",
            "srv/empty/",
            "srv/kept/",
            "srv/kept/.keep_www_server-0",
        )
        self.assertEqual(kept, ["srv", "srv/empty", "srv/kept", "usr", "usr/lib"])

    def test_a_name_s_ending_alone_is_no_rule(self) -> None:
        paths = [
            "srv/",
            "srv/www/",
            "srv/www/page.h",
            "srv/www/a.a",
            "srv/www/pkg.pc",
            "srv/www/x.la",
            "srv/www/x.gir",
            "opt/",
            "opt/tool/",
            "opt/tool/include/",
            "opt/tool/include/t.h",
            "usr/",
            "usr/share/",
            "usr/share/pocl/",
            "usr/share/pocl/builtin.h",
            "usr/lib64/",
            "usr/lib64/ImageMagick/",
            "usr/lib64/ImageMagick/png.la",
            "home/",
            "home/.keep=diary",
        ]
        self.assertEqual(self.kept(*paths), sorted(path.rstrip("/").partition("=")[0] for path in paths))

    def test_what_a_program_reads_stays_where_the_program_is(self) -> None:
        base = ["usr/", "usr/bin/", "usr/share/"]
        read = {
            "usr/share/zsh/": "app-shells/zsh-5.9-r6",
            "usr/share/fish/": "app-shells/fish-3.7",
            "usr/share/bash-completion/": "app-shells/bash-completion-2.14",
            "usr/share/man/": "sys-apps/man-db-2.12",
            "usr/share/gdb/": "dev-debug/gdb-15",
            "usr/share/info/": "sys-apps/texinfo-7",
        }
        for folder, package in read.items():
            paths = [*base, folder, f"{folder}functions"]
            self.assertEqual(self.kept(*paths), ["usr", "usr/bin", "usr/share"], folder)
            records = ["var/", "var/db/", "var/db/pkg/", f"var/db/pkg/{package}/"]
            self.assertEqual(self.kept(*paths, *records)[3:5], [folder.rstrip("/"), f"{folder}functions"])
            near = package.replace("-", "-completions-", 1) if "man" not in package else "sys-apps/man-db-tools-1"
            self.assertEqual(self.kept(*paths, *records[:3], f"var/db/pkg/{near}/")[3:], ["var", "var/db"], near)
        kept = self.kept(*base, "usr/bin/zsh", "usr/share/zsh/", "usr/share/zsh/f")
        self.assertEqual(kept[-2:], ["usr/share/zsh", "usr/share/zsh/f"])

    def test_a_dock_names_what_it_wants_all_the_same(self) -> None:
        paths = [
            "usr/",
            "usr/include/",
            "usr/include/a.h",
            "usr/include/sub/",
            "usr/include/sub/b.h",
            "usr/include/sub/deep/",
            "usr/include/sub/deep/c.h",
            "usr/share/",
            "usr/share/doc/",
            "usr/share/doc/x",
        ]
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
            self.assertEqual(
                self.kept(*paths, keep=Keep(patterns=tuple(pattern.split()))),
                sorted(["usr", "usr/share", *kept.split()]),
                pattern,
            )

    def test_portages_records_cannot_be_kept(self) -> None:
        paths = ["var/", "var/db/", "var/db/pkg/", "var/db/pkg/a/", "etc/", "etc/env.d/", "etc/env.d/a"]
        self.assertEqual(
            self.kept(*paths, keep=Keep(patterns=("/var", "/etc"))),
            ["etc", "etc/env.d", "etc/env.d/a", "var", "var/db"],
        )

    def test_what_is_left_out_is_told_with_its_rule(self) -> None:
        selection = slim.select(
            tree(
                "usr/",
                "usr/include/",
                "usr/include/a\nb.h",
                "usr/lib/",
                "usr/lib/x/",
                "usr/lib/x/a.a",
                "var/",
                "var/log/",
                "var/log/emerge.log",
                "srv/",
                "srv/.keep",
            ),
            Keep(),
        )
        self.assertEqual(
            selection.left_out,
            {
                "usr/include": "headers",
                "usr/include/a\nb.h": "headers",
                "usr/lib/x/a.a": "static-libraries",
                "usr/lib/x": "emptied",
                "var/log/emerge.log": "records",
                "srv/.keep": "keepdir",
            },
        )

    def test_a_name_that_only_begins_alike_is_no_match(self) -> None:
        self.assertEqual(
            self.kept("usr/", "usr/share/", "usr/share/manuals", "usr/bin/", "usr/bin/a.out"),
            ["usr", "usr/bin", "usr/bin/a.out", "usr/share", "usr/share/manuals"],
        )


if __name__ == "__main__":
    unittest.main()
