"""What packages ask for in sysusers.d: users and groups of a ROOT, as lines of its /etc/passwd, group, shadow, gshadow.

systemd-sysusers does it when a machine boots; see `tmpfiles`, which has to come after. The format is that of
`man sysusers.d`. Who is there already stays as he is, except that a group gets members. Numbers depend on ROOT and on
the lines only, and nothing here is of today: no date gets into /etc/shadow. Knows nothing of acct-user packages, whose
accounts Portage makes.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gentoo_bob.conf_d import (
    Malformed,
    Refused,
    Where,
    config_lines,
    decimal,
    encoded,
    expanded,
    file_bytes,
    id_number,
    literal,
    shown,
    told,
    why,
    words,
)
from gentoo_bob.within import inside

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")
# Of users and groups for which no line has a number; as in Gentoo, from the highest on.
LOWEST, HIGHEST = 1, 999
# The default that is documented. Where /usr is merged it is the /sbin/nologin of acct-user; where it is not, a shell
# that does not exist lets nobody in either.
NOLOGIN = "/usr/sbin/nologin"
ROOTS_SHELL = "/bin/sh"


@dataclass(frozen=True)
class Entry:
    where: Where
    type: str
    name: str
    id: str  # of `m`, a group
    gecos: str
    home: str
    shell: str

    def user_id(self) -> str:
        return self.id if self.id.startswith("/") else self.id.partition(":")[0]

    def primary_group(self) -> str:
        return "" if self.id.startswith("/") else self.id.partition(":")[2]


def apply(root: str, files: Iterable[str]) -> list[str]:
    """Warnings, of lines that are not applied as they are. Nothing is written if a line is refused."""
    warnings: list[str] = []
    entries: list[Entry] = []
    for where, text in config_lines(root, files):
        with told(where, warnings):
            entries.append(parse(where, text))
    entries = list(without_conflicts(entries, warnings))
    accounts = Accounts(root, entries, warnings)
    # A user's line may come before that of his group.
    for types in ("g", "u u!", "m"):
        for entry in entries:
            if entry.type in types.split():
                with told(entry.where, warnings):
                    accounts.add(entry)
    with told(Where("etc", 0), warnings):
        accounts.write()
    return warnings


# ---- lines


def parse(where: Where, text: str) -> Entry:
    # Where tmpfiles.d has C's escapes, systemd reads no more than quotation here.
    fields, rest = words(text, 6, literal)
    if rest:
        raise Malformed("has more than six fields")
    fields[1:] = ["" if field == "-" else expanded(field) for field in fields[1:]]
    entry = Entry(where, *(fields + [""] * 5)[:6])
    if entry.type not in ("u", "u!", "g", "m", "r"):
        raise Malformed(f"has a type that nobody knows: `{shown(entry.type)}`")
    check_name(entry)
    check_id(entry)
    check_rest(entry)
    return entry


def check_name(entry: Entry) -> None:
    if entry.type == "r":
        if entry.name:
            raise Malformed("a range has no name")
    elif not NAME.fullmatch(entry.name):
        raise Malformed(f"`{shown(entry.name)}` is no name of a user or group")


def check_id(entry: Entry) -> None:
    match entry.type:
        case "r":
            bounds(entry)
        case "m":
            if not NAME.fullmatch(entry.id):
                raise Malformed(f"`{shown(entry.id)}` is no name of a group")
        case "g":
            check_number(entry.id)
        case _:
            check_number(entry.user_id())
            if ":" in entry.id and not entry.id.startswith("/"):
                check_group(entry.primary_group())


def check_number(text: str) -> None:
    if text.startswith("/"):
        if ".." in text.split("/"):
            raise Malformed(f"`{shown(text)}` has `..` in it")
    elif text not in ("", "-") and id_number(text) is None:
        raise Malformed(f"`{shown(text)}` is no number of an account")


def check_group(text: str) -> None:
    if id_number(text) is None and not NAME.fullmatch(text):
        raise Malformed(f"`{shown(text)}` is no group")


def check_rest(entry: Entry) -> None:
    rest = (entry.gecos, entry.home, entry.shell)
    if entry.type[0] != "u" and any(rest):
        raise Malformed(f"`{entry.type}` has more than a name and a number")
    for text in rest:
        if ":" in text or not text.isprintable():
            raise Malformed(f"`{shown(text)}` has in it what no line of etc/passwd can hold")
    for path in rest[1:]:
        if path and (not path.startswith("/") or ".." in path.split("/")):
            raise Malformed(f"`{shown(path)}` is not absolute, or has `..` in it")


def bounds(entry: Entry) -> tuple[int, int]:
    """Of a range. One number is one, too."""
    low, _, high = entry.id.partition("-")
    lowest, highest = id_number(low), id_number(high or low)
    if lowest is None or highest is None or lowest > highest or entry.id.endswith("-"):
        raise Malformed(f"`{shown(entry.id)}` is no range of numbers")
    return lowest, highest


def without_conflicts(entries: Iterable[Entry], warnings: list[str]) -> Iterator[Entry]:
    """The first line for a user counts, and the first for a group."""
    first: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        before = first.setdefault((entry.type[0], entry.name), entry) if entry.type[0] in "ug" else entry
        if before is entry:
            yield entry
        elif replace(entry, where=before.where) != before:
            warnings.append(f"{entry.where}: not applied: {before.where} has `{entry.name}` already")


# ---- accounts


class Table:
    """A file of lines with colons between fields. Lines that nobody changes stay, whatever is in them."""

    def __init__(self, root: str, name: str, mode: int) -> None:
        where = Where(f"etc/{name}", 0)
        self.mode, self.is_changed = mode, False
        try:
            self.path = os.path.join(root, inside(root, where.file, follow=True))
            content = file_bytes(root, where.file)
        except (Malformed, OSError) as error:
            raise Refused(where, why(error)) from error
        self.is_there = content is not None
        self.lines = (content or b"").decode(errors="surrogateescape").removesuffix("\n").split("\n")
        self.lines = [] if self.lines == [""] else self.lines

    def numbers(self) -> dict[str, int]:
        """The third field, by name. The first line of a name counts."""
        found: dict[str, int] = {}
        for fields in self.rows():
            if len(fields) > 2 and (number := decimal(fields[2])) is not None:
                found.setdefault(fields[0], number)
        return found

    def rows(self) -> list[list[str]]:
        return [line.split(":") for line in self.lines]

    def add(self, *fields: str) -> None:
        """Unless it has the name."""
        if all(row[0] != fields[0] for row in self.rows()):
            self.lines.append(":".join(fields))
            self.is_changed = True

    def add_member(self, group: str, user: str) -> None:
        """To the fourth field, of group and of gshadow."""
        for at, row in enumerate(self.rows()):
            members = [name for name in row[3].split(",") if name] if len(row) > 3 else []
            if row[0] == group and user not in members:
                self.lines[at] = ":".join([*(row + [""] * 3)[:3], ",".join([*members, user])])
                self.is_changed = True
                return

    def write(self) -> None:
        if not self.is_changed:
            return
        os.makedirs(os.path.dirname(self.path), 0o755, exist_ok=True)
        flags = os.O_TRUNC if self.is_there else os.O_CREAT | os.O_EXCL
        with open(os.open(self.path, os.O_WRONLY | flags, 0o600), "wb") as file:
            if not self.is_there:
                os.fchmod(file.fileno(), self.mode)
            file.write(encoded("".join(f"{line}\n" for line in self.lines)))


class Accounts:
    """Those of ROOT, and those that come to them."""

    def __init__(self, root: str, entries: Iterable[Entry], warnings: list[str]) -> None:
        self.root, self.warnings = root, warnings
        self.passwd, self.group = Table(root, "passwd", 0o644), Table(root, "group", 0o644)
        self.shadow, self.gshadow = Table(root, "shadow", 0o600), Table(root, "gshadow", 0o600)
        self.uids, self.gids = self.passwd.numbers(), self.group.numbers()
        self.ranges = [bounds(entry) for entry in entries if entry.type == "r"] or [(LOWEST, HIGHEST)]
        # A number that a later line asks for is not given away.
        asked = (decimal(entry.user_id()) for entry in entries if entry.type != "r")
        self.asked = {number for number in asked if number is not None}

    def add(self, entry: Entry) -> None:
        match entry.type:
            case "g":
                self.add_group(entry.name, self.wanted(entry, self.gids))
            case "m":
                self.add_member(entry.name, entry.id)
            case _:
                self.add_user(entry)

    def wanted(self, entry: Entry, taken: dict[str, int]) -> int | None:
        """The number that a line asks for, if it is free."""
        if entry.name in taken:
            return None
        text = entry.user_id()
        if text.startswith("/"):
            number = self.owner(text, taken is self.gids)
            return None if number in taken.values() else number
        number = decimal(text)
        if number is not None and number in taken.values():
            self.warnings.append(f"{entry.where}: `{entry.name}` gets another number: {number} is taken")
            return None
        return number

    def owner(self, path: str, of_group: bool) -> int | None:
        try:
            info = os.lstat(os.path.join(self.root, inside(self.root, path, follow=True)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return info.st_gid if of_group else info.st_uid

    def free(self) -> int:
        """For a user and for a group alike, so that both can have the same."""
        taken = {0, 0xFFFF, *self.asked, *self.uids.values(), *self.gids.values()}
        for low, high in sorted(self.ranges, key=lambda both: both[::-1], reverse=True):
            for number in range(high, low - 1, -1):
                if number not in taken:
                    return number
        raise Malformed("no number is free for it")

    def add_group(self, name: str, number: int | None) -> int:
        if name not in self.gids:
            self.gids[name] = self.free() if number is None else number
            self.group.add(name, "x", str(self.gids[name]), "")
            if self.gshadow.is_there:
                self.gshadow.add(name, "!", "", "")
        return self.gids[name]

    def add_user(self, entry: Entry) -> None:
        name = entry.name
        uid = self.number_of_user(entry)
        gid = self.primary_group(entry) if entry.primary_group() else self.own_group(entry, uid)
        if name in self.uids:
            return
        self.uids[name] = uid
        shell = entry.shell or (NOLOGIN if uid else ROOTS_SHELL)
        self.passwd.add(name, "x", str(uid), str(gid), entry.gecos, entry.home or "/", shell)
        # As add_user of buildconfig.sh has it. `u!` says by a date long past that nobody logs in by a key either.
        expires = "1" if entry.type == "u!" else ""
        self.shadow.add(name, "!", "0", "", "", "", "", expires, "")

    def number_of_user(self, entry: Entry) -> int:
        if entry.name in self.uids:
            return self.uids[entry.name]
        if (number := self.wanted(entry, self.uids)) is not None:
            return number
        of_group = self.gids.get(entry.name)
        return self.free() if of_group is None or of_group in self.uids.values() else of_group

    def primary_group(self, entry: Entry) -> int:
        text = entry.primary_group()
        number = decimal(text)
        if number in self.gids.values() if number is not None else text in self.gids:
            return self.gids[text] if number is None else number
        raise Malformed(f"there is no group `{shown(text)}`")

    def own_group(self, entry: Entry, uid: int) -> int:
        """That of the user's name. A new one has the number of the file that the user has his from, or else the user's
        number, if no other group has it."""
        number = self.wanted(entry, self.gids) if entry.id.startswith("/") else None
        number = uid if number is None else number
        return self.add_group(entry.name, None if number in self.gids.values() else number)

    def add_member(self, user: str, group: str) -> None:
        self.add_group(group, None)
        if user not in self.uids:
            self.add_user(Entry(Where("", 0), "u", user, "", "", "", ""))
        self.group.add_member(group, user)
        self.gshadow.add_member(group, user)

    def write(self) -> None:
        for table in (self.passwd, self.group, self.shadow, self.gshadow):
            table.write()
