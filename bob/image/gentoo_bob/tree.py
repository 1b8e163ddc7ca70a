"""A file tree as data: what is where, of what kind, with which content. Knows nothing of Portage.

File times are not part of it: they are never a difference between two images. Nor are sockets: each is of
the process that made it, and no archive can hold one.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

# Others are the file system's own (overlay, selinux), not the tree's.
KEPT_XATTRS = ("user.", "security.capability")


class Entry(NamedTuple):
    """What is at a path. A tuple, for a ROOT has a hundred thousand of them."""

    kind: str  # one letter: f, d, l, c, b, p
    mode: int
    uid: int
    gid: int
    data: str  # hash of a file's content, a link's target, a device's number
    xattrs: tuple[tuple[str, str], ...]  # value in hex

    @classmethod
    def from_json(cls, fields: Sequence[Any]) -> "Entry":
        kind, mode, uid, gid, data, xattrs = fields
        return cls(kind, mode, uid, gid, data, tuple((name, value) for name, value in xattrs))


def scan(root: str) -> dict[str, Entry]:
    """By relative path, for everything below root but sockets."""
    found: dict[str, Entry] = {}
    for folder, folders, files in os.walk(root, onerror=fail):
        for name in folders + files:
            path = os.path.join(folder, name)
            if (what := entry(path)).kind != "s":
                found[os.path.relpath(path, root)] = what
    return found


def fail(error: OSError) -> NoReturn:
    raise error


def entry(path: str) -> Entry:
    info = os.lstat(path)
    return Entry(kind(info), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, data(path, info), xattrs(path))


def kind(info: os.stat_result) -> str:
    return {"-": "f"}.get(letter := stat.filemode(info.st_mode)[0], letter)


def data(path: str, info: os.stat_result) -> str:
    if stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if stat.S_ISLNK(info.st_mode):
        return os.readlink(path)
    return str(info.st_rdev) if info.st_rdev else ""


def xattrs(path: str) -> tuple[tuple[str, str], ...]:
    names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith(KEPT_XATTRS)]
    return tuple((name, os.getxattr(path, name, follow_symlinks=False).hex()) for name in sorted(names))


def parents(path: str) -> list[str]:
    """Every folder on the way to path, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
