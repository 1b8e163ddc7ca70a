"""A file tree as data: what is where, of what kind, with which content. Knows nothing of Portage.

File times are not part of it: they are never a difference between two images. Nor are sockets: each is of
the process that made it, and no archive can hold one.
"""

import hashlib
import os
import stat
from typing import NamedTuple

# Others are the file system's own (overlay, selinux), not the tree's.
KEPT_XATTRS = ("user.", "security.capability")


class Entry(NamedTuple):
    kind: str  # one letter: f, d, l, c, b, p
    mode: int
    uid: int
    gid: int
    data: str  # hash of a file's content, a link's target, a device's number
    xattrs: tuple

    @classmethod
    def from_json(cls, fields):
        return cls(*fields[:-1], tuple(map(tuple, fields[-1])))


def scan(root):
    """relative path → Entry, for everything below root but sockets."""
    found = {}
    for folder, folders, files in os.walk(root, onerror=fail):
        for name in folders + files:
            path = os.path.join(folder, name)
            if (what := entry(path)).kind != "s":
                found[os.path.relpath(path, root)] = what
    return found


def fail(error):
    raise error


def entry(path):
    info = os.lstat(path)
    return Entry(kind(info), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, data(path, info), xattrs(path))


def kind(info):
    return {"-": "f"}.get(letter := stat.filemode(info.st_mode)[0], letter)


def data(path, info):
    if stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if stat.S_ISLNK(info.st_mode):
        return os.readlink(path)
    return str(info.st_rdev) if info.st_rdev else ""


def xattrs(path):
    names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith(KEPT_XATTRS)]
    return tuple((name, os.getxattr(path, name, follow_symlinks=False).hex()) for name in sorted(names))


def parents(path):
    """Every folder on the way to path, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
