"""Which accounts lines of sysusers.d make in a ROOT."""

import os
import stat
import tempfile
import unittest

from gentoo_bob import sysusers
from gentoo_bob.conf_d import Refused

PASSWD = "root:x:0:0:root:/root:/bin/bash\nnginx:x:101:201::/:\n"
GROUP = "root:x:0:root\nnginx:x:201:\nwheel:x:10:root,nginx"
SHADOW = "root:*:10770:0:::::\n"
CONF = "usr/lib/sysusers.d/a.conf"
TABLES = ("passwd", "group", "shadow", "gshadow")


class Accounts(unittest.TestCase):
    """Of a ROOT in a folder, where group does not end in a line feed and gshadow is not there."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.outer, self.root = folder.name, f"{folder.name}/root"
        for name, text in {"passwd": PASSWD, "group": GROUP, "shadow": SHADOW}.items():
            self.write(f"etc/{name}", text)
        os.chmod(f"{self.root}/etc/shadow", 0o640)

    def write(self, path: str, text: str) -> None:
        os.makedirs(os.path.dirname(f"{self.root}/{path}"), exist_ok=True)
        with open(f"{self.root}/{path}", "w") as file:
            file.write(text)

    def apply(self, *lines: str) -> list[str]:
        self.write(CONF, "\n".join(lines))
        return sysusers.apply(self.root, [CONF])

    def read(self, name: str) -> str:
        path = f"{self.root}/etc/{name}"
        if not os.path.exists(path):
            return ""
        with open(path) as file:
            return file.read()

    def new(self, *lines: str) -> dict[str, str]:
        """What comes to each table, in one line."""
        before = {name: self.read(name).split("\n") for name in TABLES}
        self.assertEqual(self.apply(*lines), [])
        return {
            name: " ".join(new)
            for name in TABLES
            if (new := [line for line in self.read(name).split("\n") if line and line not in before[name]])
        }

    def refused(self, *lines: str) -> str:
        with self.assertRaises(Refused) as caught:
            self.apply(*lines)
        return str(caught.exception)

    def test_a_user_with_a_group_of_his_own(self) -> None:
        self.assertEqual(
            self.new('u httpd 404 "HTTP User"'),
            {
                "passwd": "httpd:x:404:404:HTTP User:/:/usr/sbin/nologin",
                "group": "httpd:x:404:",
                "shadow": "httpd:!:0::::::",
            },
        )

    def test_what_is_there_stays_as_it_is(self) -> None:
        self.apply("u httpd 404", "u root 5 - /nowhere /bin/false", "g nginx 5", "u nginx -")
        self.assertEqual(self.read("passwd").split("\n")[:2], PASSWD.split("\n")[:2])
        self.assertEqual(self.read("group"), f"{GROUP}\nhttpd:x:404:\n")
        self.assertEqual(self.read("shadow"), f"{SHADOW}httpd:!:0::::::\n")
        self.assertEqual(stat.S_IMODE(os.stat(f"{self.root}/etc/shadow").st_mode), 0o640)
        os.chmod(f"{self.root}/etc/group", 0o444)
        before = os.stat(f"{self.root}/etc/group").st_mtime_ns
        self.apply("u httpd - other /srv", "g wheel -", "m nginx wheel")
        self.assertEqual(os.stat(f"{self.root}/etc/group").st_mtime_ns, before)

    def test_users(self) -> None:
        lines = {
            "u a - - - -": "a:x:999:999::/:/usr/sbin/nologin a:x:999:",
            'u postgres - "Postgresql Database" /var/lib/pgsql /libexec/db': (
                "postgres:x:999:999:Postgresql Database:/var/lib/pgsql:/libexec/db postgres:x:999:"
            ),
            "u a 70:wheel": "a:x:70:10::/:/usr/sbin/nologin",
            "u a 70:201": "a:x:70:201::/:/usr/sbin/nologin",
            "u a -:nginx": "a:x:999:201::/:/usr/sbin/nologin",
            "u a 201": "a:x:201:999::/:/usr/sbin/nologin a:x:999:",
            "u wheel -": "wheel:x:10:10::/:/usr/sbin/nologin",
            "g b 101|u b -": "b:x:999:101::/:/usr/sbin/nologin b:x:101:",
            "u a 65534": "a:x:65534:65534::/:/usr/sbin/nologin a:x:65534:",
            "u a - 100%%": "a:x:999:999:100%:/:/usr/sbin/nologin a:x:999:",
            "u! a 70": "a:x:70:70::/:/usr/sbin/nologin a:x:70:",
            # As acct-user.eclass writes them, with bash's `printf %q`.
            "u\ta\t70:wheel\tUser\\ for\\ a\\;\\ \\(b\\)\t/dev/null\t/sbin/nologin": (
                "a:x:70:10:User for a; (b):/dev/null:/sbin/nologin"
            ),
            r'u a 70:wheel "\"b\" \n"': 'a:x:70:10:"b" n:/:/usr/sbin/nologin',
        }
        for line, new in lines.items():
            with self.subTest(line):
                self.setUp()
                found = self.new(*line.split("|"))
                self.assertEqual(" ".join(found[name] for name in ("passwd", "group") if name in found), new)

    def test_a_locked_user_cannot_log_in_by_a_key_either(self) -> None:
        self.assertEqual(self.new("u! a -")["shadow"], "a:!:0:::::1:")

    def test_groups_and_members(self) -> None:
        lines = {
            "g input -": "input:x:999:",
            "g input": "input:x:999:",
            "g input 70 - -": "input:x:70:",
            "g wheel -": "",
            "m nginx root": "root:x:0:root,nginx",
            "m nginx wheel": "",
            "m nginx input": "input:x:999:nginx",
            "m other wheel": "wheel:x:10:root,nginx,other other:x:999:",
        }
        for line, new in lines.items():
            with self.subTest(line):
                self.setUp()
                self.assertEqual(self.new(line).get("group", ""), new)

    def test_gshadow_only_where_it_is(self) -> None:
        self.new("g a -")
        self.assertFalse(os.path.exists(f"{self.root}/etc/gshadow"))
        self.write("etc/gshadow", "root:*::\nwheel:*::root\n")
        self.assertEqual(
            self.new("g input -", "m nginx wheel", "m nginx input")["gshadow"], "wheel:*::root,nginx input:!::nginx"
        )

    def test_tables_that_are_not_there_are_made(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))
        for name in ("passwd", "group", "shadow"):
            os.unlink(f"{self.root}/etc/{name}")
        os.rmdir(f"{self.root}/etc")
        self.assertEqual(
            self.new("u root 0 Superuser /root", "u a -")["passwd"][:53],
            "root:x:0:0:Superuser:/root:/bin/sh a:x:999:999::/:/us",
        )
        modes = {
            name: stat.S_IMODE(os.stat(f"{self.root}/etc/{name}").st_mode) for name in ("passwd", "group", "shadow")
        }
        self.assertEqual(modes, {"passwd": 0o644, "group": 0o644, "shadow": 0o600})

    def test_numbers_go_by_the_order_of_files_and_lines(self) -> None:
        files = {
            "etc/sysusers.d/b.conf": "u b -\ng bg -",
            "usr/lib/sysusers.d/a.conf": "u a -\nu! c -:bg",
            "usr/lib/sysusers.d/b.conf": "u no -",
        }
        tables = set()
        for given in (list(files), list(files)[::-1]):
            self.setUp()
            for path, text in files.items():
                self.write(path, text)
            self.assertEqual(sysusers.apply(self.root, given), [])
            tables.add(self.read("passwd") + self.read("group"))
        self.assertEqual([line.split(":")[2] for line in self.read("passwd").split("\n")[2:-1]], ["998", "997", "996"])
        self.assertIn("a:x:998:998:", self.read("passwd"))
        self.assertIn("c:x:997:999:", self.read("passwd"))
        self.assertIn("bg:x:999:", self.read("group"))
        self.assertEqual(len(tables), 1)

    def test_a_number_that_a_later_line_asks_for_is_left_to_it(self) -> None:
        new = self.new("u a -", "u b 999", "g c 998", "g d -")
        self.assertEqual(new["group"], "c:x:998: d:x:997: a:x:996: b:x:999:")

    def test_a_number_that_another_has_is_told(self) -> None:
        self.assertEqual(
            self.apply("u a 101", "g b 201", "u c 70", "u d 70"),
            [
                f"{CONF}:2: `b` gets another number: 201 is taken",
                f"{CONF}:1: `a` gets another number: 101 is taken",
                f"{CONF}:4: `d` gets another number: 70 is taken",
            ],
        )
        self.assertIn("b:x:999:\na:x:998:\nc:x:70:\nd:x:997:\n", self.read("group"))

    def test_ranges(self) -> None:
        new = self.new("r - 500-501", "r - 300", "u a -", "u b -", "u c -")
        self.assertEqual(new["group"], "a:x:501: b:x:500: c:x:300:")
        self.assertEqual(self.refused("r - 502", "u d -", "u e -"), f"{CONF}:3: no number is free for it")
        self.assertNotIn("d:", self.read("group"))

    def test_a_number_may_be_that_of_a_file(self) -> None:
        self.write("usr/bin/authd", "")
        os.symlink("authd", f"{self.root}/usr/bin/link")
        if os.geteuid() == 0:
            os.chown(f"{self.root}/usr/bin/authd", 300, 301)
        info = os.stat(f"{self.root}/usr/bin/authd")
        new = self.new("u a /usr/bin/link", "u b /usr/bin/authd", "g c /usr/bin/gone", "g d /usr/bin/authd/x")
        self.assertEqual(new["group"], f"c:x:999: d:x:998: a:x:{info.st_gid}: b:x:997:")
        self.assertIn(f"a:x:{info.st_uid}:{info.st_gid}:", new["passwd"])
        self.assertIn("b:x:997:997:", new["passwd"])

    def test_the_first_line_counts(self) -> None:
        self.write("etc/sysusers.d/b.conf", "u a 71")
        self.write(CONF, "u a 70\nu a 70\ng a 72\nu! a 70")
        told = sysusers.apply(self.root, ["etc/sysusers.d/b.conf", CONF])
        self.assertEqual(
            told,
            [
                f"{CONF}:4: not applied: {CONF}:1 has `a` already",
                f"etc/sysusers.d/b.conf:1: not applied: {CONF}:1 has `a` already",
            ],
        )
        self.assertIn("a:x:70:72:", self.read("passwd"))

    def test_lines_of_packages(self) -> None:
        new = self.new(
            "# generated",
            "",
            'u messagebus - "System Message Bus"',
            "g systemd-journal - -",
            "u games 5:60 - /usr/games /usr/sbin/nologin",
            "g games 60 -",
            'u polkitd 114 "User for polkitd" "/var/lib/polkit-1"',
        )
        self.assertEqual(
            new["passwd"],
            "messagebus:x:998:998:System Message Bus:/:/usr/sbin/nologin games:x:5:60::/usr/games:/usr/sbin/nologin "
            "polkitd:x:114:114:User for polkitd:/var/lib/polkit-1:/usr/sbin/nologin",
        )

    def test_malformed_lines(self) -> None:
        before = [self.read(name) for name in TABLES]
        wrong = {
            "x a -": "has a type that nobody knows: `x`",
            "g! a -": "has a type that nobody knows: `g!`",
            "u": "`` is no name of a user or group",
            "u 7a -": "`7a` is no name of a user or group",
            f"u {'a' * 32} -": f"`{'a' * 32}` is no name of a user or group",
            "u a:b -": "`a:b` is no name of a user or group",
            "u a 65535": "`65535` is the number of no account",
            "u a 4294967295": "`4294967295` is the number of no account",
            "u a -5": "`-5` is no number of an account",
            "u a 0x5": "`0x5` is no number of an account",
            "u a 5:": "`` is no group",
            "u a 5:gone": "there is no group `gone`",
            "u a 5:5": "there is no group `5`",
            "u a /../x": "`/../x` has `..` in it",
            "u a - a:b": "`a:b` has in it what no line of etc/passwd can hold",
            "u a - - home": "`home` is not absolute, or has `..` in it",
            "u a - - /a/../b": "`/a/../b` is not absolute, or has `..` in it",
            "u a - - - sh": "`sh` is not absolute, or has `..` in it",
            "u a - - - /bin/sh more": "has more than six fields",
            "u a - 'b": "has a quotation mark or a backslash with nothing behind it",
            "g a - gecos": "`g` has more than a name and a number",
            "g a 5:5": "`5:5` is no number of an account",
            "m a": "`` is no name of a group",
            "m a 10": "`10` is no name of a group",
            "r a 5-6": "a range has no name",
            "r - 6-5": "`6-5` is no range of numbers",
            "r - 5-": "`5-` is no range of numbers",
            "r - -": "`` is no range of numbers",
        }
        for line, why in wrong.items():
            with self.subTest(line):
                self.assertEqual(self.refused("g good -", line), f"{CONF}:2: {why}")
                self.assertEqual([self.read(name) for name in TABLES], before)

    def test_what_only_a_running_machine_knows_is_told(self) -> None:
        why = "not applied: what `%m` is, only a running machine knows"
        self.assertEqual(self.apply("u a%m -", "u b -"), [f"{CONF}:1: {why}"])
        self.assertIn("b:x:999", self.read("passwd"))

    def test_tables_are_those_of_root_wherever_links_lead(self) -> None:
        os.rename(f"{self.root}/etc/passwd", f"{self.outer}/passwd")
        os.symlink(f"{self.outer}/passwd", f"{self.root}/etc/passwd")
        self.apply("u nginx 70")
        with open(f"{self.outer}/passwd") as file:
            self.assertEqual(file.read(), PASSWD)
        with open(f"{self.root}{self.outer}/passwd") as file:
            self.assertIn("nginx:x:70:", file.read())

    def test_a_table_that_is_no_file_is_refused(self) -> None:
        os.mkdir(f"{self.root}/etc/gshadow")
        self.assertEqual(self.refused("g a -"), "etc/gshadow: is no plain file")

    def test_of_two_lines_of_a_table_the_first_counts(self) -> None:
        self.write("etc/group", "a:x:70:\na:x:71:\n")
        self.assertEqual(self.new("u b 72:a")["passwd"], "b:x:72:70::/:/usr/sbin/nologin")

    def test_lines_that_are_none_stay(self) -> None:
        odd = b"# comment\n\n+::::::\nlatin\xe9:x:70:70::/:\nnone:x:many:\n"
        with open(f"{self.root}/etc/passwd", "wb") as file:
            file.write(odd)
        self.apply("u a -", "u none -")
        with open(f"{self.root}/etc/passwd", "rb") as file:
            self.assertEqual(file.read(), odd + b"a:x:999:999::/:/usr/sbin/nologin\n")


if __name__ == "__main__":
    unittest.main()
