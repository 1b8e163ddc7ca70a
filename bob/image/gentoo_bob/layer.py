"""Archives of file trees, as engines unpack them: written by GNU tar, for attributes and odd names."""

import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping

from gentoo_bob.difference import Difference
from gentoo_bob.tree import Entry

# In a layer it says that something is gone.
WHITEOUT = ".wh."
LONGEST_NAME = 255

TAR = (
    *("tar", "--create", "--format=posix", "--numeric-owner", "--no-recursion"),
    *("--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"),
    # Nothing of today's in the archive's headers.
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
)
PATHS_FROM_STDIN = ("--null", "--verbatim-files-from", "--files-from=-")


def refuse_marks(paths: Iterable[str]) -> None:
    for path in sorted(paths):
        if os.path.basename(path).startswith(WHITEOUT):
            sys.exit(f"error: no image can hold `/{shown(path)}`: in a layer this name says that something is gone")


def write(file: str, root: str, found: Difference, now: Mapping[str, Entry], epoch: str) -> None:
    """What has changed in ROOT, then marks for what is gone."""
    # Engines give a file to its owner again for each further name, by which it loses its capabilities.
    single = [path for path in found.changed if path in now and now[path].xattrs and has_other_names(root, path)]
    mtime = f"--mtime=@{epoch}"
    create(file, root, sorted(set(found.changed) - set(single)), mtime)
    with tempfile.TemporaryDirectory() as folder:
        part, marks = f"{folder}/part.tar", f"{folder}/marks"
        if single:
            create(part, root, single, mtime, "--hard-dereference")
            join(file, part)
        if found.gone:
            create(part, marks, [make_whiteout(marks, path) for path in found.gone], mtime)
            join(file, part)


def has_other_names(root: str, path: str) -> bool:
    info = os.lstat(os.path.join(root, path))
    return stat.S_ISREG(info.st_mode) and info.st_nlink > 1


def make_whiteout(folder: str, path: str) -> str:
    parent, _, name = path.rpartition("/")
    mark = os.path.join(parent, f"{WHITEOUT}{name}")
    if len(os.fsencode(WHITEOUT + name)) > LONGEST_NAME:
        sys.exit(
            f"error: no image can be without `/{shown(path)}` of its parent: the name is too long for a layer to say so"
        )
    os.makedirs(os.path.join(folder, parent), exist_ok=True)
    with open(os.path.join(folder, mark), "w"):
        os.chmod(os.path.join(folder, mark), 0o644)
    return mark


def shown(path: str) -> str:
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def join(file: str, part: str) -> None:
    """`tar --append` goes on in ustar where nothing before has needed more: without attributes and long names."""
    with tarfile.open(file, "r:", errors="surrogateescape") as tar:
        tar.getmembers()
        end = tar.offset
    with open(file, "r+b") as out, open(part, "rb") as more:
        out.seek(end)
        out.truncate()
        shutil.copyfileobj(more, out)


def create(file: str, folder: str, paths: Iterable[str], *options: str) -> None:
    command = [*TAR, *options, "--file", file, "--directory", folder, *PATHS_FROM_STDIN]
    subprocess.run(command, input=b"".join(os.fsencode(path) + b"\0" for path in paths), check=True)
