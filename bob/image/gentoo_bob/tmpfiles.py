"""What packages ask for in tmpfiles.d, done in a ROOT: folders, files, links, pipes, modes and owners.

systemd-tmpfiles does it when a machine boots. Nobody boots an image, so it is done once, while the image is built.
The format is that of `man tmpfiles.d`. Of cleaning nothing is done: ages and the types `r`, `R`, `x`, `X` are passed
over. Unlike there, a line that is malformed is an error: the package would not work.

Every path is looked up as in a chroot of ROOT: no link leads out of it. Accounts are those of ROOT. Knows nothing of
packages, of the machine that it runs on, and of time; that nobody else changes ROOT meanwhile is taken for granted.
"""

import base64
import binascii
import fnmatch
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from gentoo_bob import tree
from gentoo_bob.conf_d import (
    Malformed,
    PassedOver,
    Skipped,
    Where,
    config_lines,
    encoded,
    expanded,
    id_number,
    ids,
    shown,
    told,
    unescaped,
    why,
    words,
)
from gentoo_bob.within import inside

Chown: TypeAlias = Callable[[str, int, int], None]

FACTORY = "/usr/share/factory/"

# What an engine mounts, and the file by which systemd keeps users out until it has booted: nobody would remove it.
NOT_OURS = re.compile(r"(dev|proc|sys)(/.*)?|run/nologin", re.DOTALL)

# Letters of types.
DIRECTORIES = "dDvqQ"
ATTRIBUTES = "hHtTaA"
PASSED_OVER = "rRxXcb"  # a container gets devices from its engine
WITH_ARGUMENT = "fFwLC"
WITH_CONTENT = "fFw"
# They take globs, and are applied after the others.
GLOBS = "wezZm" + ATTRIBUTES
# Of these lines one counts for a path.
OWNING = "fFwepLC" + DIRECTORIES
TYPES = set(OWNING + GLOBS + PASSED_OVER)
# `!`, which is for a machine that boots, changes nothing: no process of an image runs yet. Nor does `$`.
TYPE = re.compile(r"([A-Za-z])([-+!=~^$?]*)")

NAMES = {"d": "folder", "f": "plain file", "p": "pipe"}


class Setting(NamedTuple):
    """A number that a line has, if it has one."""

    value: int | None = None
    only_new: bool = False

    def for_existing(self) -> int | None:
        return None if self.only_new else self.value


@dataclass(frozen=True)
class Line:
    where: Where
    type: str
    modifiers: str
    path: str  # relative to ROOT
    mode: Setting
    masked: bool
    user: Setting
    group: Setting
    argument: str | None

    def replaces(self) -> bool:
        """What is in its place and of another kind."""
        return "=" in self.modifiers or (self.type == "p" and "+" in self.modifiers)

    def for_new(self) -> "Line":
        """Whose settings all count."""
        mode, user, group = (Setting(setting.value) for setting in (self.mode, self.user, self.group))
        return replace(self, mode=mode, user=user, group=group)


@dataclass(frozen=True)
class Root:
    """The folder, and who is who in it."""

    path: str
    users: Mapping[str, int]
    groups: Mapping[str, int]
    chown: Chown

    def at(self, place: str) -> str:
        return os.path.join(self.path, place)

    def place(self, path: str, follow: bool = False) -> str:
        found = inside(self.path, path, follow)
        if NOT_OURS.fullmatch(found):
            raise PassedOver
        return found

    def kind(self, place: str) -> str:
        """A letter as in `tree`. Empty, if nothing is there."""
        try:
            return tree.kind(os.lstat(self.at(place)))
        except (FileNotFoundError, NotADirectoryError):
            return ""


def apply(root: str, files: Iterable[str], chown: Chown = os.lchown) -> list[str]:
    """Warnings, of lines that are not applied. ROOT is as before if one of the files is malformed."""
    warnings: list[str] = []
    known = Root(root, ids(root, "etc/passwd"), ids(root, "etc/group"), chown)
    lines: list[Line] = []
    for where, text in config_lines(root, files):
        with told(where, warnings):
            lines.append(parse(known, where, text))
    for line in in_order(list(without_conflicts(lines, warnings))):
        with told(line.where, warnings):
            carry_out(known, line)
    return warnings


# ---- lines


def parse(root: Root, where: Where, text: str) -> Line:
    fields, argument = words(text, 6, unescaped)
    kind, modifiers = type_of(fields[0])
    # Nobody gives credentials to a build: systemd, too, then says nothing.
    if kind in PASSED_OVER or "^" in modifiers:
        raise PassedOver
    if len(fields) < 2:
        raise Malformed("has no path")
    path = relative(expanded(fields[1]))
    if NOT_OURS.fullmatch(path):
        raise PassedOver
    mode, user, group = (fields[2:5] + ["-"] * 3)[:3]
    if kind in "L" + ATTRIBUTES:
        mode = user = group = "-"
    return Line(
        where,
        kind,
        modifiers,
        path,
        mode_of(mode),
        mode.startswith(("~", ":~")),
        account(user, root.users, "user"),
        account(group, root.groups, "group"),
        argument_of(kind, modifiers, path, argument),
    )


def type_of(text: str) -> tuple[str, str]:
    found = TYPE.fullmatch(text)
    if not found or found[1] not in TYPES:
        raise Malformed(f"has a type that nobody knows: `{shown(text)}`")
    kind, modifiers = found.groups()
    wrong = {letter for letter in modifiers if modifiers.count(letter) > 1}
    wrong |= set(modifiers) & set("~^") if kind not in WITH_CONTENT else set()
    wrong |= set(modifiers) & set("?") if kind != "L" else set()
    if wrong:
        raise Malformed(f"`{kind}` with `{''.join(sorted(wrong))}`, in `{text}`, means nothing")
    return kind, modifiers


def relative(path: str) -> str:
    """To ROOT, without what has no meaning."""
    parts = path.split("/")
    if not path.startswith("/"):
        raise Malformed(f"`{shown(path)}` is not absolute")
    if ".." in parts:
        raise Malformed(f"`{shown(path)}` has `..` in it")
    return "/".join(part for part in parts if part not in ("", "."))


def mode_of(text: str) -> Setting:
    digits = text.lstrip("~:")
    if digits in ("", "-"):
        return Setting()
    if not re.fullmatch("[0-7]{1,5}", digits) or int(digits, 8) > 0o7777:
        raise Malformed(f"`{shown(text)}` is no mode")
    return Setting(int(digits, 8), ":" in text)


def account(text: str, known: Mapping[str, int], what: str) -> Setting:
    name = text.removeprefix(":")
    if name in ("", "-"):
        return Setting()
    number = id_number(name)
    if number is None and name not in known:
        raise Malformed(f"there is no {what} `{shown(name)}` in the image")
    return Setting(known[name] if number is None else number, text.startswith(":"))


def argument_of(kind: str, modifiers: str, path: str, text: str) -> str | None:
    if kind not in WITH_ARGUMENT:
        return None
    if text in ("", "-"):
        if kind == "w":
            raise Malformed("has nothing to write")
        return FACTORY + path if kind in "LC" else None
    if "~" in modifiers:
        return decoded(text)
    argument = expanded(unescaped(text))
    return f"/{relative(argument)}" if kind == "C" else argument


def decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode(errors="surrogateescape")
    except (binascii.Error, ValueError) as error:
        raise Malformed("its argument is not in Base64") from error


def without_conflicts(lines: Iterable[Line], warnings: list[str]) -> Iterator[Line]:
    """The first line for a path counts, unless another says that it adds to it."""
    first: dict[tuple[bool, str], Line] = {}
    for line in lines:
        before = first.setdefault((line.type in GLOBS, line.path), line) if line.type in OWNING else line
        if before is line or "+" in line.modifiers:
            yield line
        elif replace(line, where=before.where) != before:
            warnings.append(f"{line.where}: not applied: {before.where} has `/{shown(line.path)}` already")


def in_order(lines: list[Line]) -> Iterator[Line]:
    """Those with globs last. A folder is before what is in it, what makes something before what adjusts it; else it is
    the order in which they were read."""
    for with_globs in (False, True):
        by_path: dict[str, list[Line]] = {}
        for line in lines:
            if (line.type in GLOBS) == with_globs:
                by_path.setdefault(line.path, []).append(line)
        every = (way for path in by_path for way in ("", *tree.parents(path), path))
        for path in dict.fromkeys(every):
            yield from sorted(by_path.get(path, []), key=lambda line: (line.type not in OWNING, line.type))


# ---- what a line does


def carry_out(root: Root, line: Line) -> None:
    try:
        ACTIONS[line.type](root, line)
    except OSError as error:
        if "-" not in line.modifiers:
            raise
        raise Skipped(f"not applied: {why(error)}") from error


def make_directory(root: Root, line: Line) -> None:
    """A link to a folder of ROOT is as good, also where that is still to be made: /var/lock -> /run/lock."""
    place = root.place(line.path, follow=True)
    if root.kind(place) not in ("", "d"):
        place = root.place(line.path)
    if is_there(root, place, line, "d"):
        adjust(root, place, line)
    else:
        os.mkdir(root.at(place))
        adjust(root, place, line, default=0o755)


def make_file(root: Root, line: Line) -> None:
    place = root.place(line.path)
    if not is_there(root, place, line, "f"):
        write(root.at(place), line, os.O_CREAT | os.O_EXCL)
        adjust(root, place, line, default=0o644)
        return
    if line.type == "F" or "+" in line.modifiers:
        write(root.at(place), line, os.O_TRUNC)
    adjust(root, place, line)


def make_pipe(root: Root, line: Line) -> None:
    place = root.place(line.path)
    if is_there(root, place, line, "p"):
        adjust(root, place, line)
    else:
        os.mkfifo(root.at(place))
        adjust(root, place, line, default=0o644)


def make_link(root: Root, line: Line) -> None:
    place, target = root.place(line.path), line.argument or ""
    if "?" in line.modifiers and not root.kind(inside(root.path, os.path.join(os.path.dirname(place), target), True)):
        return
    make_way(root, place, line)
    if found := root.kind(place):
        if "+" not in line.modifiers and (found == "l" or "=" not in line.modifiers):
            return
        remove(root, place)
    os.symlink(target, root.at(place))
    root.chown(root.at(place), 0, 0)


def copy(root: Root, line: Line) -> None:
    """Into an empty folder too. What is there already stays; `C+` adds to it what it has not."""
    place, source = root.place(line.path), root.place(line.argument or "")
    kind = root.kind(source)
    if not kind:
        raise Skipped(f"not applied: there is no `/{shown(source)}` to copy")
    if not source or f"{place}/".startswith(f"{source}/"):
        raise Skipped(f"not applied: `/{shown(source)}` would be copied into itself")
    make_way(root, place, line)
    if "=" in line.modifiers and root.kind(place) not in ("", kind):
        remove(root, place)
    before = root.kind(place)
    if not before or "+" in line.modifiers or (before == "d" and not os.listdir(root.at(place))):
        copy_tree(root, source, place, line)
    if root.kind(place) == kind:
        adjust(root, place, line if before else line.for_new())


def copy_tree(root: Root, source: str, place: str, line: Line) -> None:
    if not root.kind(place):
        copy_one(root, source, place, line)
    # A link in its place, or a device of which nothing was made, is no folder to go into.
    if root.kind(source) == root.kind(place) == "d":
        for name in sorted(os.listdir(root.at(source))):
            copy_tree(root, os.path.join(source, name), os.path.join(place, name), line)


def copy_one(root: Root, source: str, place: str, line: Line) -> None:
    """Not devices and sockets: an engine makes the ones, a process the others."""
    old, new = root.at(source), root.at(place)
    info = os.lstat(old)
    match tree.kind(info):
        case "d":
            os.mkdir(new)
        case "f":
            shutil.copyfile(old, new)
        case "l":
            os.symlink(os.readlink(old), new)
        case "p":
            os.mkfifo(new)
        case _:
            return
    user, group = line.user.value, line.group.value
    root.chown(new, info.st_uid if user is None else user, info.st_gid if group is None else group)
    if not stat.S_ISLNK(info.st_mode):
        os.chmod(new, stat.S_IMODE(info.st_mode))


def write_to(root: Root, line: Line) -> None:
    """Into what is there, of which the rest stays: it is meant for the kernel's files. Links are followed in ROOT."""
    found = [inside(root.path, place, follow=True) for place in matches(root, line.path)]
    places = [place for place in found if root.kind(place) and not NOT_OURS.fullmatch(place)]
    for place in places:
        if root.kind(place) != "f":
            raise Skipped(f"not applied: `/{shown(place)}` is no plain file")
    for place in places:
        write(root.at(place), line, os.O_APPEND if "+" in line.modifiers else 0)
        adjust(root, place, line)


def adjust_directories(root: Root, line: Line) -> None:
    for place in matches(root, line.path):
        if root.kind(place) == "d":
            adjust(root, place, line)


def adjust_all(root: Root, line: Line) -> None:
    for place in matches(root, line.path):
        # All of it first: a folder may become unreadable.
        for each in [place, *below(root, place)] if line.type == "Z" else [place]:
            adjust(root, each, line)


def below(root: Root, place: str) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root.at(place), onerror=tree.fail) if root.kind(place) == "d" else ():
        found += [os.path.relpath(os.path.join(folder, name), root.path) for name in folders + files]
    return sorted(path for path in found if not NOT_OURS.fullmatch(path))


def set_attributes(root: Root, line: Line) -> None:
    if "-" not in line.modifiers and matches(root, line.path):
        raise Skipped(f"not applied: `{line.type}`, attributes of `/{shown(line.path)}`")


ACTIONS: dict[str, Callable[[Root, Line], None]] = {
    **dict.fromkeys(DIRECTORIES, make_directory),
    **dict.fromkeys("fF", make_file),
    **dict.fromkeys("zZm", adjust_all),
    **dict.fromkeys(ATTRIBUTES, set_attributes),
    "p": make_pipe,
    "L": make_link,
    "C": copy,
    "w": write_to,
    "e": adjust_directories,
}


# ---- how it is done


def is_there(root: Root, place: str, line: Line, wanted: str) -> bool:
    """If not, it can be made afterwards."""
    make_way(root, place, line)
    found = root.kind(place)
    if found not in ("", wanted):
        if not line.replaces():
            raise Skipped(f"not applied: `/{shown(place)}` is there and is no {NAMES[wanted]}")
        remove(root, place)
    return found == wanted


def make_way(root: Root, place: str, line: Line) -> None:
    for folder in tree.parents(place):
        found = root.kind(folder)
        if found == "d":
            continue
        if found:
            if "=" not in line.modifiers:
                raise Skipped(f"not applied: `/{shown(folder)}` is there and is no folder")
            remove(root, folder)
        os.mkdir(root.at(folder))
        root.chown(root.at(folder), 0, 0)
        os.chmod(root.at(folder), 0o755)


def remove(root: Root, place: str) -> None:
    if not place:
        raise Skipped("not applied: it would replace all of the image")
    if root.kind(place) == "d":
        shutil.rmtree(root.at(place))
    else:
        os.unlink(root.at(place))


def write(path: str, line: Line, flags: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o600), "wb") as file:
        file.write(encoded(line.argument or ""))


def adjust(root: Root, place: str, line: Line, default: int | None = None) -> None:
    """Owner and mode. What the line leaves open stays; of something new, with this mode by default, it is root's."""
    path = root.at(place)
    info = os.lstat(path)
    if default is None:
        user, group, mode = (setting.for_existing() for setting in (line.user, line.group, line.mode))
    else:
        user, group, mode = line.user.value or 0, line.group.value or 0, line.mode.value
    # Not where it changes nothing: the kernel would take a file's capabilities all the same.
    if default is not None or user not in (None, info.st_uid) or group not in (None, info.st_gid):
        root.chown(path, -1 if user is None else user, -1 if group is None else group)
    if stat.S_ISLNK(info.st_mode):
        return
    if mode is None:
        # Another owner has taken away the bits that give an owner's rights.
        mode = stat.S_IMODE(info.st_mode) if default is None else default
    elif line.masked:
        mode = masked(mode, info.st_mode if default is None else stat.S_IFMT(info.st_mode) | mode)
    os.chmod(path, mode)


def masked(mode: int, before: int) -> int:
    """Without the rights that nobody had before."""
    for everybody in (0o444, 0o222, 0o111):
        if not before & everybody:
            mode &= ~everybody
    return mode if stat.S_ISDIR(before) else mode & 0o777


def matches(root: Root, pattern: str) -> list[str]:
    """Places that a glob names, in order. The last part is not followed."""
    found: list[str] = []
    for text in choices(pattern):
        places = [""]
        for part in relative(f"/{text}").split("/") if text else []:
            places = [place for before in places for place in matches_in(root, before, part)]
        found += places
    return sorted({place for place in found if not NOT_OURS.fullmatch(place)})


def choices(text: str) -> list[str]:
    """What braces stand for: `{a,b}`."""
    found = re.search(r"\{([^{}]*,[^{}]*)\}", text)
    if not found:
        return [text]
    return [
        each for choice in found[1].split(",") for each in choices(text[: found.start()] + choice + text[found.end() :])
    ]


def matches_in(root: Root, folder: str, part: str) -> list[str]:
    folder = inside(root.path, folder, follow=True)
    if not re.search(r"[*?[]", part):
        return [place] if root.kind(place := os.path.join(folder, part)) else []
    if root.kind(folder) != "d":
        return []
    pattern = re.compile(fnmatch.translate(part.replace("[^", "[!")))
    names = [name for name in os.listdir(root.at(folder)) if part.startswith(".") or not name.startswith(".")]
    return [os.path.join(folder, name) for name in sorted(names) if pattern.fullmatch(name)]
