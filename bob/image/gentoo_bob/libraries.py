"""Libraries that programs of ROOT need and ROOT has not.

Portage has noted of each package which shared libraries its files ask for. Each is looked for as the loader would:
in the file's own run path, where ROOT's ld.so.conf says, and where libraries always are. What no package has brought is
not looked at here: `bb test` looks at the finished image. Knows nothing of Portage but its records.
"""

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gentoo_bob import records
from gentoo_bob.within import inside

ALWAYS = ("lib64", "usr/lib64", "lib", "usr/lib", "lib32", "usr/lib32", "usr/local/lib64", "usr/local/lib")
MOST_INCLUDED = 100


class Needs(NamedTuple):
    """A line of Portage's NEEDED.ELF.2: `ARCH;PATH;SONAME;RUNPATH;NEEDED,NEEDED…`."""

    cpv: str
    path: str
    run_path: list[str]
    sonames: list[str]

    def places(self) -> list[str]:
        """Folders that only this file has its libraries in."""
        origin = os.path.dirname(self.path)
        return [place.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", origin) for place in self.run_path]


def missing(root: str, but: Iterable[str]) -> list[str]:
    """A message for each file and library. `but` are patterns of sonames that come from elsewhere."""
    but = list(but)
    anywhere = [*ALWAYS, *configured(root)]
    return [
        f"`{needs.path}` of {needs.cpv} needs `{soname}`, which is not there"
        for needs in of_packages(root)
        for soname in needs.sonames
        if not any(fnmatch.fnmatchcase(soname, pattern) for pattern in but)
        if not has(root, [*needs.places(), *anywhere], soname)
    ]


def of_packages(root: str) -> Iterator[Needs]:
    """Of files that are still there."""
    for cpv in records.installed(root):
        for line in records.record(root, cpv, "NEEDED.ELF.2").split("\n"):
            fields = line.split(";")
            if len(fields) >= 5 and is_file(root, fields[1]):
                run_path = [place for place in fields[3].split(":") if place]
                yield Needs(cpv, fields[1], run_path, [name for name in fields[4].split(",") if name])


def has(root: str, places: Sequence[str], soname: str) -> bool:
    if "/" in soname:
        return is_file(root, soname)
    return any(is_file(root, os.path.join(place, soname)) for place in places)


def configured(root: str) -> Iterator[str]:
    """Folders of ld.so.conf, and of what it includes."""
    todo = ["etc/ld.so.conf"]
    for name in todo:
        for word in words(at(root, name)):
            if word[0] == "include" and len(word) > 1 and len(todo) < MOST_INCLUDED:
                todo += included(root, os.path.join("etc", word[1]))
            else:
                yield word[0]


def included(root: str, pattern: str) -> list[str]:
    folder, name = os.path.split(pattern)
    there = at(root, folder)
    names = sorted(os.listdir(there)) if os.path.isdir(there) else []
    return [os.path.join(folder, other) for other in names if fnmatch.fnmatchcase(other, name)]


def words(path: str) -> list[list[str]]:
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = [line.partition("#")[0].split() for line in file]
    return [line for line in lines if line]


def is_file(root: str, path: str) -> bool:
    return os.path.isfile(at(root, path))


def at(root: str, path: str) -> str:
    """Where it is on this machine."""
    return os.path.join(root, inside(root, path, follow=True))
