"""What lines of tmpfiles.d do in a ROOT, and that they do nothing outside of it."""

import os
import random
import stat
import tempfile
import unittest
from collections.abc import Mapping, Sequence

from gentoo_bob import tmpfiles, tree
from gentoo_bob.conf_d import Refused
from gentoo_bob.within import inside

PASSWD = "root:x:0:0:root:/root:/bin/bash\nnginx:x:101:201::/:\nmysql:x:102:202::/:\npostgres:x:103:203::/:\n"
GROUP = "root:x:0:\nnginx:x:201:\nmysql:x:202:\npostgres:x:203:\nutmp:x:406:\nmessagebus:x:204:\n"
ME = f"{os.geteuid()}:{os.getegid()}"
CONF = "usr/lib/tmpfiles.d/a.conf"


class InRoot(unittest.TestCase):
    """A ROOT with accounts. Owners are kept in a table, so that nobody need be root; what is in none is root's."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.outer = folder.name
        self.root = f"{folder.name}/root"
        self.owners: dict[str, tuple[int, int]] = {}
        self.write("etc/passwd", PASSWD)
        self.write("etc/group", GROUP)

    def at(self, path: str) -> str:
        return os.path.join(self.root, path)

    def write(self, path: str, text: str = "", mode: int = 0o644) -> None:
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "w") as file:
            file.write(text)
        os.chmod(self.at(path), mode)

    def folder(self, path: str, mode: int = 0o755) -> None:
        os.makedirs(self.at(path))
        os.chmod(self.at(path), mode)

    def link(self, path: str, target: str) -> None:
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        os.symlink(target, self.at(path))

    def chown(self, path: str, user: int, group: int) -> None:
        where = os.path.relpath(path, self.root)
        before = self.owners.get(where, (0, 0))
        if not os.path.islink(path) and not os.path.isdir(path):
            # As the kernel does it.
            os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) & 0o777)
        self.owners[where] = (before[0] if user == -1 else user, before[1] if group == -1 else group)

    def apply(self, *lines: str) -> list[str]:
        self.write(CONF, "\n".join(lines) + "\n")
        return tmpfiles.apply(self.root, [CONF], self.chown)

    def told(self, *lines: str) -> list[str]:
        """Warnings without their place, which is that of the first line."""
        return [text.removeprefix(f"{CONF}:1: ") for text in self.apply(*lines)]

    def what(self, path: str) -> str:
        """Kind, mode, owner, and content or target."""
        found = tree.entry(self.at(path))
        user, group = self.owners.get(path, (0, 0))
        if found.kind == "l":
            return f"l {user}:{group} {found.data}"
        return f"{found.kind} {found.mode:o} {user}:{group}" + (f" {self.read(path)}" if found.kind == "f" else "")

    def read(self, path: str) -> str:
        with open(self.at(path), newline="") as file:
            return file.read()

    def is_there(self, path: str) -> bool:
        return os.path.lexists(self.at(path))

    def refused(self, *lines: str) -> str:
        with self.assertRaises(Refused) as caught:
            self.apply(*lines)
        return str(caught.exception)


class Types(InRoot):
    def test_what_each_type_makes(self) -> None:
        self.write("usr/share/factory/srv/copied", "factory", 0o600)
        self.write("srv/here", "old", 0o600)
        made = {
            "d /srv/x": "d 755 0:0",
            "d /srv/x - - -": "d 755 0:0",
            "d /srv/x 0700 nginx nginx 10d": "d 700 101:201",
            "d /srv/x 2775 7 8": "d 2775 7:8",
            "D! /srv/x 1777 root root -": "d 1777 0:0",
            "v /srv/x 0711 - nginx": "d 711 0:201",
            "q /srv/x :0700 :nginx": "d 700 101:0",
            "Q /srv/x ~0700": "d 700 0:0",
            "f /srv/x": "f 644 0:0 ",
            "f$ /srv/x 0664 root utmp - text": "f 664 0:406 text",
            "f /srv/x 4755 nginx - - text": "f 4755 101:0 text",
            "F /srv/x - - - - text": "f 644 0:0 text",
            "f+ /srv/x - - - - -": "f 644 0:0 ",
            "f~ /srv/x - - - - YSUgYg==": "f 644 0:0 a% b",
            "p /srv/x": "p 644 0:0",
            "p+ /srv/x 0600 nginx": "p 600 101:0",
            "L /srv/x - - - - ../usr/share/foo": "l 0:0 ../usr/share/foo",
            "L+ /srv/x 0700 nobody9 - - /dev/null": "l 0:0 /dev/null",
            "L /srv/x": "l 0:0 /usr/share/factory/srv/x",
            "L? /srv/x - - - - here": "l 0:0 here",
            "L+? /srv/x - - - - /srv/here": "l 0:0 /srv/here",
            "C /srv/x - - - - /srv/here": f"f 600 {ME} old",
            "C /srv/x :0640 nginx :nginx - /srv/here": "f 640 101:201 old",
        }
        for line, what in made.items():
            with self.subTest(line):
                self.assertEqual(self.told(line), [])
                self.assertEqual(self.what("srv/x"), what)
            tmpfiles.remove(tmpfiles.Root(self.root, {}, {}, self.chown), "srv/x")
            self.owners.pop("srv/x", None)
        self.apply("C /srv/copied")
        self.assertEqual(self.what("srv/copied"), f"f 600 {ME} factory")

    def test_what_each_type_makes_of_what_is_there(self) -> None:
        changed = {
            "d /srv/d": "d 710 5:6",
            "d /srv/d 0700": "d 700 5:6",
            "d /srv/d 0700 nginx": "d 700 101:6",
            "d /srv/d :0700 :nginx :nginx": "d 710 5:6",
            "d /srv/d - - mysql": "d 710 5:202",
            "e /srv/d 0750 - mysql": "d 750 5:202",
            "z /srv/d 0750 :nginx mysql": "d 750 5:202",
            "z /srv/f 0600 nginx nginx": "f 600 101:201 old",
            "m /srv/f 0600": "f 600 5:6 old",
            "z /srv/f": "f 710 5:6 old",
            "z /srv/f - nginx": "f 710 101:6 old",
            "z /srv/f ~7666": "f 666 5:6 old",
            "z /srv/d ~7777": "d 7777 5:6",
            "z /srv/f ~:0666": "f 710 5:6 old",
            "z /srv/l 0600 nginx": "l 101:6 d",
            "Z /srv/l 0600": "l 5:6 d",
            "f /srv/f": "f 710 5:6 old",
            "f /srv/f 0600 - - - new": "f 600 5:6 old",
            "f+ /srv/f - - - - n": "f 710 5:6 n",
            "F /srv/f": "f 710 5:6 ",
            "w /srv/f - - - - n": "f 710 5:6 nld",
            r"w+ /srv/f 0600 - - - \n\x21": "f 600 5:6 old\n!",
            "p /srv/p 0600": "p 600 5:6",
            "L /srv/l - - - - other": "l 5:6 d",
            "L= /srv/l - - - - other": "l 5:6 d",
            "L /srv/f - - - - other": "f 710 5:6 old",
            "L+ /srv/l - - - - other": "l 0:0 other",
            "L+ /srv/f - - - - other": "l 0:0 other",
            "L+ /srv/d - - - - other": "l 0:0 other",
            "L= /srv/f - - - - other": "l 0:0 other",
            "p+ /srv/f": "p 644 0:0",
            "p= /srv/d": "p 644 0:0",
            "d= /srv/f 0700": "d 700 0:0",
            "f= /srv/d - - - - new": "f 644 0:0 new",
            "f= /srv/l - - - - new": "f 644 0:0 new",
            "C /srv/f - - - - /etc/group": "f 710 5:6 old",
            "C /srv/f 0600 - - - /etc/group": "f 600 5:6 old",
            "C= /srv/l - - - - /srv/f": f"f 710 {ME} old",
        }
        for line, what in changed.items():
            with self.subTest(line):
                self.setUp()
                self.write("srv/f", "old", 0o710)
                self.folder("srv/d", 0o710)
                os.mkfifo(self.at("srv/p"))
                self.link("srv/l", "d")
                self.owners = dict.fromkeys(["srv/f", "srv/d", "srv/p", "srv/l"], (5, 6))
                self.assertEqual(self.told(line), [])
                self.assertEqual(self.what(line.split()[1][1:]), what)

    def test_what_is_of_another_kind_stays_and_is_told(self) -> None:
        self.write("srv/f", "old")
        self.folder("srv/d")
        self.link("srv/l", "f")
        told = {
            "d /srv/f 0700": "`/srv/f` is there and is no folder",
            "d /srv/l 0700": "`/srv/l` is there and is no folder",
            "f /srv/d 0700": "`/srv/d` is there and is no plain file",
            "f+ /srv/l - - - - new": "`/srv/l` is there and is no plain file",
            "p /srv/f": "`/srv/f` is there and is no pipe",
            "w /srv/d - - - - x": "`/srv/d` is no plain file",
            "d /srv/f/x/y": "`/srv/f` is there and is no folder",
            "C /srv/x - - - - /srv/gone": "there is no `/srv/gone` to copy",
            "C /srv/d/x - - - - /srv/d": "`/srv/d` would be copied into itself",
            "C /srv/x - - - - /": "`/` would be copied into itself",
            "L+ / - - - - /etc": "it would replace all of the image",
        }
        for line, text in told.items():
            with self.subTest(line):
                before = tree.scan(self.at("srv"))
                self.assertEqual(self.told(line), [f"not applied: {text}"])
                self.assertEqual(tree.scan(self.at("srv")), before)
                # The same where the package says that it may fail.
                self.assertEqual(len(self.told(f"{line[0]}-{line[1:]}")), 1)

    def test_what_is_not_there_is_not_made(self) -> None:
        self.assertEqual(self.told("w /srv/x - - - - text"), [])
        self.assertEqual(self.told("e /srv/x 0700 nginx"), [])
        self.assertEqual(self.told("z /srv/x 0700 nginx", "Z /srv/* 0700", "m /srv/x 0700"), [])
        self.assertEqual(self.told("L? /srv/x - - - - gone", "L+? /srv/x - - - - /gone"), [])
        self.assertFalse(self.is_there("srv"))

    def test_what_an_image_has_no_use_for_is_passed_over(self) -> None:
        self.write("tmp/.X0-lock", "old")
        self.write("srv/a", "old")
        self.write("dev/null")
        self.apply()
        before = tree.scan(self.root)
        lines = """
            r! /tmp/.X[0-9]*-lock
            R /srv
            x /tmp/systemd-private-%b-*
            X /srv
            c! /dev/fuse 0666 - - - 10:229
            b+ /srv/disk 0600 root disk9 - 8:1
            f^ /etc/hosts - nobody9 - - network.hosts
            w- /proc/sys/vm/swappiness - - - - 10
            d /dev/net 0755 nobody9
            z /sys/class/gpio/* 0660 root gpio9
            d /dev 0700
            Z /de* 0700
            w /sys/power/x
            f+! /run/nologin 0644 - - - "System is booting up."
            L+ /dev/log - - - - /run/log
        """
        for line in lines.strip().split("\n"):
            with self.subTest(line):
                self.assertEqual(self.told(line), [])
                after = tree.scan(self.root)
                self.assertEqual({**after, CONF: before[CONF]}, before)

    def test_rights_that_nobody_had_are_masked(self) -> None:
        for before, line, after in [
            (0o600, "~7755", 0o644),
            (0o440, "~:0", 0o440),
            (0o440, "~0664", 0o444),
            (0o111, "~0755", 0o111),
            (0o755, "~4755", 0o755),
            (0o4710, "-", 0o4710),
            (0o4710, "- nginx", 0o4710),
            (0o4710, "- - nginx", 0o4710),
        ]:
            self.write("srv/f", "", before)
            self.apply(f"Z /srv/f {line}")
            self.assertEqual(os.lstat(self.at("srv/f")).st_mode & 0o7777, after, line)
            os.unlink(self.at("srv/f"))
        self.apply("f /srv/new ~4755")
        self.assertEqual(self.what("srv/new"), "f 755 0:0 ")

    def test_attributes_are_told_of_what_is_there(self) -> None:
        self.folder("var/log/journal")
        for kind in "a+ A a A+ h H t T h!".split():
            self.assertEqual(
                self.told(f"{kind} /var/log/jour* - nobody9 - - +C"),
                [f"not applied: `{kind[0]}`, attributes of `/var/log/jour*`"],
            )
        self.assertEqual(self.told("h- /var/log/journal - - - - +C", "h /var/log/gone - - - - +C"), [])

    def test_lines_of_packages(self) -> None:
        self.folder("run")
        self.folder("var/lib")
        self.link("var/run", "../run")
        self.link("var/lock", "/run/lock")
        lines = """
            # /usr/lib/tmpfiles.d

            d /var/lib/nginx/tmp 0700 nginx nginx
            d /run/postgresql 0775 postgres postgres -
            d /var/run/mysqld 0755 mysql mysql -
            d /run/lock/subsys 0755 root root -
            d /var/lock/lvm 0700
            D /run/dbus 0755 - messagebus -
            L /var/lib/dbus/machine-id - - - - /etc/machine-id
            f /var/log/wtmp 0664 root utmp -
            L+ /etc/foo - - - - ../usr/share/foo
            D! /tmp/.X11-unix 1777 root root 10d
        """
        self.assertEqual(self.apply(*lines.split("\n")), [])
        self.assertEqual(self.what("var/lib/nginx"), "d 755 0:0")
        self.assertEqual(self.what("var/lib/nginx/tmp"), "d 700 101:201")
        self.assertEqual(self.what("run/postgresql"), "d 775 103:203")
        self.assertEqual(self.what("run/mysqld"), "d 755 102:202")
        self.assertEqual(self.what("run/lock/subsys"), "d 755 0:0")
        self.assertEqual(self.what("run/lock/lvm"), "d 700 0:0")
        self.assertEqual(self.what("run/dbus"), "d 755 0:204")
        self.assertEqual(self.what("var/lib/dbus/machine-id"), "l 0:0 /etc/machine-id")
        self.assertEqual(self.what("var/log/wtmp"), "f 664 0:406 ")
        self.assertEqual(self.what("etc/foo"), "l 0:0 ../usr/share/foo")
        self.assertEqual(self.what("tmp/.X11-unix"), "d 1777 0:0")
        self.assertEqual(self.what("var/run"), "l 0:0 ../run")

    def test_the_builders_umask_and_accounts_do_not_count(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))
        self.apply("d /srv/a/b", "f /srv/f 0666")
        self.assertEqual(
            [self.what(path)[:5] for path in ("srv", "srv/a", "srv/a/b", "srv/f")], ["d 755"] * 3 + ["f 666"]
        )
        self.assertEqual(self.owners, dict.fromkeys(["srv", "srv/a", "srv/a/b", "srv/f"], (0, 0)))
        self.write("etc/passwd", "# text\nbin:x:5:5\nbin:x:6:6\n")
        self.apply("d /srv/a/b - bin")
        self.assertEqual(self.what("srv/a/b"), "d 755 5:0")
        os.unlink(self.at("etc/passwd"))
        self.assertIn("there is no user `nobody` in the image", self.refused("d /x 0755 nobody"))
        self.assertEqual(self.told("d /x 0755 root root"), [])

    def test_owners_are_set_as_they_are_told_to_the_system(self) -> None:
        user, group = (60, 61) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        self.write(CONF, f"d /x 0700 {user} {group}")
        tmpfiles.apply(self.root, [CONF])
        info = os.lstat(self.at("x"))
        self.assertEqual((info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)), (user, group, 0o700))


class Copies(InRoot):
    def setUp(self) -> None:
        super().setUp()
        self.write("usr/share/factory/etc/app/a", "a", 0o600)
        self.write("usr/share/factory/etc/app/sub/b", "b")
        self.link("usr/share/factory/etc/app/l", "/nowhere")
        os.chmod(self.at("usr/share/factory/etc/app/sub"), 0o2750)

    def test_a_folder_with_all_that_is_in_it(self) -> None:
        self.assertEqual(self.told("C /etc/app :0700 nginx"), [])
        user = 101
        group = os.getegid()
        self.assertEqual(self.what("etc/app"), f"d 700 {user}:{group}")
        self.assertEqual(self.what("etc/app/a"), f"f 600 {user}:{group} a")
        self.assertEqual(self.what("etc/app/sub"), f"d 2750 {user}:{group}")
        self.assertEqual(self.what("etc/app/sub/b"), f"f 644 {user}:{group} b")
        self.assertEqual(self.what("etc/app/l"), f"l {user}:{group} /nowhere")

    def test_into_an_empty_folder_only(self) -> None:
        self.folder("etc/app", 0o711)
        self.apply("C /etc/app")
        self.assertEqual(self.read("etc/app/sub/b"), "b")
        self.assertEqual(self.what("etc/app")[:5], "d 711")
        os.unlink(self.at("etc/app/a"))
        self.apply("C /etc/app")
        self.assertFalse(self.is_there("etc/app/a"))

    def test_what_is_missing_is_added_where_that_is_asked_for(self) -> None:
        self.write("etc/app/a", "mine")
        self.write("elsewhere/mine", "mine")
        self.link("etc/app/sub", "/elsewhere")
        self.apply("C+ /etc/app")
        self.assertEqual(self.read("etc/app/a"), "mine")
        self.assertEqual(os.readlink(self.at("etc/app/l")), "/nowhere")
        self.assertEqual(self.what("etc/app/sub"), "l 0:0 /elsewhere")
        self.assertEqual(os.listdir(self.at("elsewhere")), ["mine"])


class Globs(InRoot):
    def setUp(self) -> None:
        super().setUp()
        for path in ("srv/a1", "srv/a2", "srv/b", "srv/.hidden", "srv/sub/a1", "srv/other/a1", "srv/[x]"):
            self.write(path, "", 0o600)
        self.link("srv/link", "sub")

    def changed(self, line: str) -> list[str]:
        """What has another mode then, and has none of it afterwards."""
        self.assertEqual(self.told(line), [])
        found = [path for path, entry in tree.scan(self.root).items() if entry.mode == 0o751]
        for path in found:
            os.chmod(self.at(path), 0o755 if os.path.isdir(self.at(path)) else 0o600)
        return sorted(path.removeprefix("srv/") for path in found)

    def test_shell_patterns(self) -> None:
        named = {
            "z /srv/a*": "a1 a2",
            "z /srv/a[13]": "a1",
            "z /srv/a[!13]": "a2",
            "z /srv/a[^13]": "a2",
            "z /srv/?": "b",
            "z /srv/.h*": ".hidden",
            "z /srv/*d*": "",
            "z /srv": "srv",
            "z /srv/*/a1": "other/a1 sub/a1",
            "z /srv/{b,{a1,sub/a1}}": "a1 b sub/a1",
            "z /srv/{,sub}/a1": "a1 sub/a1",
            "z /srv/link/*": "sub/a1",
            "z /srv/b/*": "",
            "m /srv/b": "b",
            "e /srv/*": "other sub",
            "Z /srv/s*": "sub sub/a1",
            "Z /srv": "srv .hidden [x] a1 a2 b other other/a1 sub sub/a1",
        }
        for pattern, names in named.items():
            with self.subTest(pattern):
                self.assertEqual(self.changed(f"{pattern} 0751"), sorted(names.split()))

    def test_a_folder_takes_no_pattern(self) -> None:
        self.apply("d /srv/a*/x")
        self.assertTrue(self.is_there("srv/a*/x"))

    def test_writing(self) -> None:
        self.apply("w /srv/*1 - - - - text")
        self.assertEqual([self.read(f"srv/{name}") for name in ("a1", "a2", "sub/a1")], ["text", "", ""])

    def test_braces_do_not_lead_out(self) -> None:
        self.assertIn("has `..` in it", self.refused("z /srv/{.,x}./{.,x}./* 0751"))


class Files(InRoot):
    def texts(self, files: Mapping[str, str], given: Sequence[str] | None = None) -> list[str]:
        """Names of what the files have made."""
        for path, text in files.items():
            self.write(path, text)
        self.assertEqual(tmpfiles.apply(self.root, given or list(files), self.chown), [])
        return sorted(os.listdir(self.at("srv"))) if self.is_there("srv") else []

    def test_a_file_of_etc_hides_that_of_a_package(self) -> None:
        files = {"etc/tmpfiles.d/a.conf": "d /srv/mine", CONF: "d /srv/theirs", "usr/lib/tmpfiles.d/b.conf": "d /srv/b"}
        self.assertEqual(self.texts(files), ["b", "mine"])

    def test_also_if_it_was_there_before(self) -> None:
        self.assertEqual(self.texts({"etc/tmpfiles.d/a.conf": "d /srv/mine", CONF: "d /srv/theirs"}, [CONF]), [])

    def test_a_link_to_nothing_hides_it_too(self) -> None:
        self.link("etc/tmpfiles.d/a.conf", "/dev/null")
        self.assertEqual(self.texts({CONF: "d /srv/theirs"}, [CONF, "etc/tmpfiles.d/a.conf"]), [])

    def test_the_order_is_that_of_their_names(self) -> None:
        files = {"usr/lib/tmpfiles.d/b.conf": "f /srv/x - - - - b", "etc/tmpfiles.d/c.conf": "w+ /srv/x - - - - c"}
        for given in (list(files), list(files)[::-1]):
            self.setUp()
            self.write("usr/lib/tmpfiles.d/d.conf", "w+ /srv/x - - - - d")
            self.texts(files, ["usr/lib/tmpfiles.d/d.conf", *given])
            self.assertEqual(self.read("srv/x"), "bcd")

    def test_of_two_lines_for_a_path_the_first_counts(self) -> None:
        for other in ("etc/tmpfiles.d/b.conf", "usr/lib/tmpfiles.d/b.conf"):
            self.setUp()
            self.write(CONF, "d /srv 0700\nd /srv/ 0700\nz /srv 0711\n")
            self.write(other, "# theirs\nd //srv/. 0750\n")
            told = tmpfiles.apply(self.root, [other, CONF], self.chown)
            self.assertEqual(told, [f"{other}:2: not applied: {CONF}:1 has `/srv` already"])
            self.assertEqual(self.what("srv"), "d 711 0:0")

    def test_a_line_that_adds_counts_too(self) -> None:
        self.assertEqual(
            self.told("L /srv/x - - - - a", "L+ /srv/x - - - - b", "f+ /etc/f - - - - 1", "w+ /etc/f - - - - 2"), []
        )
        self.assertEqual((self.what("srv/x"), self.read("etc/f")), ("l 0:0 b", "12"))

    def test_a_folder_is_made_before_what_is_in_it_and_adjusted_last(self) -> None:
        self.apply("Z /srv/a ~0750 - nginx", "z /srv/a/f 0600", "f /srv/a/f 0644", "d /srv/a 0711 mysql", "d / 0711")
        self.assertEqual([self.what(path)[:13] for path in ("srv/a", "srv/a/f")], ["d 750 102:201", "f 600 0:201 "])
        self.assertEqual(tree.entry(self.root).mode, 0o711)
        self.apply("f /srv/l/f", "L /srv/l - - - - a", "Z /srv/a 0700", "e /srv/a 0711")
        self.assertEqual((self.what("srv/l"), self.is_there("srv/a/f")), ("l 0:0 a", True))
        self.assertEqual(self.what("srv/a"), "d 700 102:201")

    def test_a_file_that_cannot_be_read(self) -> None:
        self.folder("usr/lib/tmpfiles.d/folder.conf")
        self.link("usr/lib/tmpfiles.d/loop.conf", "loop.conf")
        self.link("usr/lib/tmpfiles.d/lost.conf", "/nowhere")
        self.write("usr/lib/tmpfiles.d/long.conf", "#" * ((1 << 20) + 1))
        self.write("usr/lib/tmpfiles.d/nul.conf", "d /a\0b")
        with open(self.at("usr/lib/tmpfiles.d/latin.conf"), "wb") as file:
            file.write(b"# \xe9\n")
        told = {
            "folder": "is no plain file",
            "loop": "Too many levels of symbolic links",
            "lost": "is not there",
            "gone": "is not there",
            "long": "is longer than 1 MiB",
            "nul": "has a NUL in it",
            "latin": "is not in UTF-8",
        }
        for name, why in told.items():
            with self.assertRaises(Refused) as caught:
                tmpfiles.apply(self.root, [f"usr/lib/tmpfiles.d/{name}.conf"], self.chown)
            self.assertEqual(str(caught.exception), f"usr/lib/tmpfiles.d/{name}.conf: {why}")
            self.assertEqual((caught.exception.line, caught.exception.why), (0, why))

    def test_a_file_of_a_mebibyte_is_read(self) -> None:
        self.write(CONF, "#" * ((1 << 20) - 7) + "\nd /srv")
        self.assertEqual(tmpfiles.apply(self.root, [CONF], self.chown), [])
        self.assertTrue(self.is_there("srv"))


class Lines(InRoot):
    def test_quotes_and_escapes(self) -> None:
        names = {
            'd "/srv/a b"': "a b",
            "d '/srv/a b' 0755": "a b",
            r"d /srv/a\x20b": "a b",
            r'd "/srv/a\tb"': "a\tb",
            r"d /srv/a\sb": "a b",
            r"d /srv/\"a\'": "\"a'",
            r"d /srv/\u00e9\U0001F600\351": "\u00e9\U0001f600\udce9",
            "d /srv/a' 'b\" \"c": "a b c",
            "\"d\"\t/srv/a   '0700'": "a",
            'd /srv/a "" "" ""': "a",
            "d /srv/a\r": "a",
            "d /srv//./a/": "a",
        }
        for line, name in names.items():
            with self.subTest(line):
                self.assertEqual(self.told(line), [])
                self.assertEqual(os.listdir(self.at("srv")), [name])
            os.rmdir(self.at(f"srv/{name}"))

    def test_the_argument_is_the_rest_of_the_line(self) -> None:
        contents = {
            'f /x - - - - "quoted"  text ': '"quoted"  text',
            r"f /x - - - - \x20a\nb\\": " a\nb\\",
            "f /x - - - - 100%% %S %C %L %t %T %V %h %": "100% /var/lib /var/cache /var/log /run /tmp /var/tmp /root %",
            "f~ /x - - - - IC VC Ig==": " %B\x22",
            "f /x - - - - -": "",
            "f /x - - - - - ": "",
            "f /x - - - - --": "--",
        }
        for line, content in contents.items():
            with self.subTest(line):
                self.assertEqual(self.told(line), [])
                self.assertEqual(self.read("x"), content)
            os.unlink(self.at("x"))

    def test_specifiers_in_paths(self) -> None:
        self.apply("d %t/a", "d %S/a%%b", "L %h/l - - - - %C")
        self.assertEqual((self.what("run/a"), self.what("var/lib/a%b")), ("d 755 0:0", "d 755 0:0"))
        self.assertEqual(self.what("root/l"), "l 0:0 /var/cache")

    def test_what_only_a_running_machine_knows_is_told(self) -> None:
        for letter in "abBmHvuUgGlowWAMz":
            for line in (f"d /srv/%{letter}", f"L /srv/x - - - - %{letter}", f"Z /srv/%{letter} 0700"):
                why = f"not applied: what `%{letter}` is, only a running machine knows"
                self.assertEqual(self.apply(line, "d /srv"), [f"{CONF}:1: {why}"])
                self.assertEqual(os.listdir(self.at("srv")), [])

    def test_malformed_lines(self) -> None:
        wrong = {
            "d": "has no path",
            "d srv": "`srv` is not absolute",
            "d ''": "`` is not absolute",
            "d /srv/../etc": "`/srv/../etc` has `..` in it",
            r"d /srv/\x2e\x2e": "`/srv/..` has `..` in it",
            "g /srv": "has a type that nobody knows: `g`",
            "dd /srv": "has a type that nobody knows: `dd`",
            "d. /srv": "has a type that nobody knows: `d.`",
            "! /srv": "has a type that nobody knows: `!`",
            "d!! /srv": "`d` with `!`, in `d!!`, means nothing",
            "d~ /srv": "`d` with `~`, in `d~`, means nothing",
            "L^ /srv": "`L` with `^`, in `L^`, means nothing",
            "f? /srv": "`f` with `?`, in `f?`, means nothing",
            "d /srv 0855": "`0855` is no mode",
            "d /srv 10000": "`10000` is no mode",
            "d /srv rwx": "`rwx` is no mode",
            "d /srv 755~": "`755~` is no mode",
            "d /srv 0755 nobody9": "there is no user `nobody9` in the image",
            "d /srv 0755 :nobody9": "there is no user `nobody9` in the image",
            "d /srv 0755 root utmp9": "there is no group `utmp9` in the image",
            "d /srv 0755 messagebus": "there is no user `messagebus` in the image",
            "d /srv 0755 -1": "there is no user `-1` in the image",
            "d /srv 0755 65535": "`65535` is the number of no account",
            "d /srv 0755 root 4294967295": "`4294967295` is the number of no account",
            "w /srv": "has nothing to write",
            "w+ /srv - - - - -": "has nothing to write",
            "f~ /srv - - - - ???": "its argument is not in Base64",
            "f~ /srv - - - - abc": "its argument is not in Base64",
            "C /srv - - - - usr/share": "`usr/share` is not absolute",
            "C /srv - - - - /usr/../etc": "`/usr/../etc` has `..` in it",
            'd "/srv': "has a quotation mark or a backslash with nothing behind it",
            "d '/srv\" 0755": "has a quotation mark or a backslash with nothing behind it",
            "d /srv\\": "has a quotation mark or a backslash with nothing behind it",
            r"d /srv\q": r"has an escape that means nothing: `\q`",
            r"d /srv\x0": r"has an escape that means nothing: `\x`",
            r"d /srv\x00": r"has an escape that means nothing: `\x00`",
            r"d /srv\777": r"has an escape that means nothing: `\777`",
            r"d /srv\ud800": r"has an escape that means nothing: `\ud800`",
            r"d /srv\UFFFFFFFF": r"has an escape that means nothing: `\UFFFFFFFF`",
            "f /srv - - - - a\\": "has an escape that means nothing: `\\`",
            f"d /{'x' * 256}": "File name too long",
        }
        for line, why in wrong.items():
            with self.subTest(line):
                self.assertEqual(self.refused("# comment", "", line), f"{CONF}:3: {why}")
                self.assertFalse(self.is_there("srv"))

    def test_nothing_is_done_if_a_later_line_is_malformed(self) -> None:
        self.refused("d /srv/a", "d srv/b")
        self.assertFalse(self.is_there("srv"))

    def test_what_is_told_is_on_one_line(self) -> None:
        self.assertEqual(self.told(r"C /x - - - - /a\nb\351"), [r"not applied: there is no `/a\nb\udce9` to copy"])

    def test_a_line_may_say_that_it_may_fail(self) -> None:
        self.link("loop", "loop")
        self.assertEqual(self.refused("d /loop/x"), f"{CONF}:1: Too many levels of symbolic links")
        self.assertEqual(self.told("d- /loop/x", "d /srv"), ["not applied: Too many levels of symbolic links"])
        self.assertTrue(self.is_there("srv"))

    def test_what_is_in_the_way_goes_if_a_line_says_so(self) -> None:
        self.write("srv/a", "file")
        self.assertEqual(self.told("d= /srv/a/b 0700"), [])
        self.assertEqual((self.what("srv/a"), self.what("srv/a/b")), ("d 755 0:0", "d 700 0:0"))


class Confined(InRoot):
    def test_links_are_those_of_a_chroot(self) -> None:
        self.folder("usr/bin")
        links = {
            "bin": "usr/bin",
            "var/run": "../run",
            "var/lock": "/run/lock",
            "var/lib/x": "../../../../tmp/evil",
            "here": ".",
            "top": "/",
            "a": "b",
            "b": "/c/d",
            "c": "top/usr",
            "host": self.outer,
        }
        for path, target in links.items():
            self.link(path, target)
        found = {
            "bin/sh": "usr/bin/sh",
            "var/run/x/": "run/x",
            "var/lock": "var/lock",
            "var/lock/x": "run/lock/x",
            "var/lib/x/y": "tmp/evil/y",
            "here/here/top/var/./lock/../z": "run/z",
            "a/e": "usr/d/e",
            "host/x": f"{self.outer[1:]}/x",
            "../../x": "x",
            "": "",
        }
        for path, place in found.items():
            self.assertEqual(inside(self.root, path), place)
        self.assertEqual(inside(self.root, "var/lock", follow=True), "run/lock")
        self.assertEqual(inside(self.root, "top", follow=True), "")

    def test_forty_links_are_followed_and_no_more(self) -> None:
        for number in range(41):
            self.link(f"l{number}", f"l{number + 1}")
        self.assertEqual(inside(self.root, "l1", follow=True), "l41")
        with self.assertRaises(OSError):
            inside(self.root, "l0", follow=True)

    def test_links_that_lead_out_of_root_do_not(self) -> None:
        self.link("var/lib/x", "../../../../../../../../../../tmp/evil")
        self.link("var/lib/host", f"{self.outer}/host")
        os.rename(self.at("etc"), self.at("conf"))
        self.link("etc", "/")
        self.assertEqual(self.told("d /var/lib/x 0700", "f /var/lib/x/f", "d /etc/new", "f /var/lib/host/f"), [])
        self.assertEqual((self.what("tmp/evil"), self.what("tmp/evil/f")), ("d 700 0:0", "f 644 0:0 "))
        self.assertEqual(self.what("new"), "d 755 0:0")
        self.assertFalse(os.path.lexists(f"{self.outer}/host"))

    def test_a_file_of_lines_is_not_read_from_outside(self) -> None:
        with open(f"{self.outer}/secret", "w") as file:
            file.write("d /srv")
        self.link("usr/lib/tmpfiles.d/x.conf", f"{self.outer}/secret")
        with self.assertRaises(Refused):
            tmpfiles.apply(self.root, ["usr/lib/tmpfiles.d/x.conf"], self.chown)
        self.assertFalse(self.is_there("srv"))

    def test_links_to_the_kernels_files_are_not_written_through(self) -> None:
        self.write("proc/x", "kernel")
        self.link("srv/p", "/proc")
        self.assertEqual(self.told("w /srv/p/x - - - - y", "f+ /srv/p/x - - - - y", "d /srv/p/new"), [])
        self.assertEqual((self.read("proc/x"), os.listdir(self.at("proc"))), ("kernel", ["x"]))

    def test_nothing_outside_of_root_is_ever_touched(self) -> None:
        for seed in range(20):
            with self.subTest(seed):
                self.setUp()
                self.hostile(random.Random(seed))

    def hostile(self, dice: random.Random) -> None:
        """Lines at random, in a ROOT whose links all lead out."""
        outside = f"{self.outer}/outside"
        os.makedirs(f"{outside}/a/b")
        for name in ("f", "a/f", "a/b/f"):
            with open(f"{outside}/{name}", "w") as file:
                file.write("outside")
        targets = [
            outside,
            f"{outside}/f",
            "../outside",
            "../../../outside/a",
            f"{outside}/a",
            "../outside/f",
            "..",
            "/",
        ]
        names = ["a", "b", "f", "srv"]
        paths = [*names, *(f"{one}/{two}" for one in names for two in names)]
        for path in dice.sample(paths, 9):
            if os.path.isdir(os.path.dirname(self.at(path))) and not self.is_there(path):
                match dice.choice("llldf"):
                    case "l":
                        self.link(path, dice.choice(targets))
                    case "d":
                        self.folder(path)
                    case _:
                        self.write(path)
        before = tree.scan(outside), os.lstat(outside), sorted(os.listdir(self.outer))
        for _ in range(25):
            path = "/".join(dice.choices([*names, "*", "outside", "{a,b}", "?"], k=dice.randint(1, 4)))
            kind = dice.choice("fFwdDevqQpLCzZm") + dice.choice(["", "+", "=", "-", "+="])
            argument = dice.choice(["text", "/a", "/srv", "/b/a"]) if kind[0] != "C" else f"/{dice.choice(paths)}"
            try:
                self.apply(f"{kind} /{path} {dice.choice(['-', '0700', '~0777'])} nginx mysql - {argument}")
            except Refused as error:
                self.assertIn("links", error.why)
        after = tree.scan(outside), os.lstat(outside), sorted(os.listdir(self.outer))
        self.assertEqual((after[0], after[1].st_mtime_ns, after[2]), (before[0], before[1].st_mtime_ns, before[2]))

    def chown(self, path: str, user: int, group: int) -> None:
        folder = os.path.realpath(os.path.dirname(path))
        self.assertEqual(os.path.commonpath([folder, os.path.realpath(self.root)]), os.path.realpath(self.root))
        super().chown(path, user, group)


if __name__ == "__main__":
    unittest.main()
