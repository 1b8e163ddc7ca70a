"""Libraries that programs of ROOT need and ROOT has not.

Portage has noted of each package which shared libraries its files ask for. Each is looked for as the loader would:
in the file's own run path, where ROOT's ld.so.conf says, and where libraries always are. It is to be of the same class,
32 or 64 bits. What a package has itself is there, wherever it is: a plugin finds it in the program that loads it. What
no package has brought is not missed here: `bb test` looks at the finished image. Knows nothing of Portage but its
records.
"""

import fnmatch
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from gentoo_bob import records
from gentoo_bob.tree import Entry
from gentoo_bob.within import inside

# The class byte of the ELF file at a path, or nothing.
ElfClass: TypeAlias = Callable[[str], bytes | None]

ALWAYS = ("lib64", "usr/lib64", "lib", "usr/lib", "lib32", "usr/lib32", "usr/local/lib64", "usr/local/lib")
MOST_INCLUDED = 100
NEEDED = re.compile(r"\(NEEDED\)\s+Shared library: \[(.*)\]$", re.M)
ORIGIN = re.compile(r"\$(ORIGIN\b|\{ORIGIN\})")


class Needs(NamedTuple):
    """A line of Portage's NEEDED.ELF.2: `ARCH;PATH;SONAME;RUNPATH;NEEDED,NEEDED…`."""

    path: str
    soname: str
    run_path: list[str]
    sonames: list[str]

    def places(self) -> list[str]:
        """Folders that only this file has its libraries in."""
        origin = os.path.dirname(self.path)
        return [ORIGIN.sub(lambda _: origin, place) for place in self.run_path]

    def is_any_of(self, soname: str, patterns: Iterable[str]) -> bool:
        """Sonames and, as Portage has it, also files that need them."""
        plain = [pattern.lstrip("/") for pattern in patterns]
        names = (soname, self.path.lstrip("/"))
        return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in plain)


def missing(root: str, but: Iterable[str]) -> list[str]:
    """A message for each file and library. `but` are patterns of sonames that come from elsewhere."""
    elf_class = cache(lambda path: class_of(root, path))
    anywhere = [*ALWAYS, *configured(root)]
    but = list(but)
    found = []
    for cpv in records.installed(root):
        elsewhere = [*but, *own_exceptions(root, cpv)]
        found += [
            f"`{needs.path}` of {cpv} needs `{soname}`, which is not there"
            for needs, soname in outside(of_package(root, cpv), elf_class)
            if not needs.is_any_of(soname, elsewhere)
            if not has(needs, [*needs.places(), *anywhere], soname, elf_class)
        ]
    return found


def needs(root: str, tree: Mapping[str, Entry]) -> list[tuple[str, list[str]]]:
    """Where each program and library of ROOT is, and which libraries it asks for: by Portage's records, and, of what a
    hook has put there, by itself."""
    every = (found for cpv in records.installed(root) for found in of_package(root, cpv))
    recorded = {place(root, found.path): found.sonames for found in every}
    others = [path for path, entry in tree.items() if entry.kind == "f" and path not in recorded]
    return [*recorded.items(), *((path, asked_for(root, path)) for path in others if class_of(root, path))]


def asked_for(root: str, path: str) -> list[str]:
    """What is no program or library for whatever reason asks for nothing."""
    readelf = ["readelf", "--dynamic", "--wide", f"{root}/{path}"]
    said = subprocess.run(readelf, capture_output=True, encoding="utf-8", errors="surrogateescape", check=False)
    return NEEDED.findall(said.stdout)


def place(root: str, path: str) -> str:
    """A path of ROOT without links on the way. Nowhere, if they lead in circles."""
    try:
        return inside(root, path)
    except OSError:
        return ""


def of_package(root: str, cpv: str) -> Iterator[Needs]:
    for line in records.record(root, cpv, "NEEDED.ELF.2").split("\n"):
        fields = line.split(";")
        if len(fields) >= 5:
            run_path = [place for place in fields[3].split(":") if place]
            yield Needs(fields[1], fields[2], run_path, [name for name in fields[4].split(",") if name])


def outside(files: Iterable[Needs], elf_class: ElfClass) -> Iterator[tuple[Needs, str]]:
    """What is needed and none of the files is. Of those that are still there, and still programs or libraries."""
    there = [needs for needs in files if elf_class(needs.path)]
    own = {(needs.soname, elf_class(needs.path)) for needs in there}
    for needs in there:
        for soname in needs.sonames:
            if (soname, elf_class(needs.path)) not in own:
                yield needs, soname


def own_exceptions(root: str, cpv: str) -> list[str]:
    """What the ebuild says that others bring."""
    text = records.record(root, cpv, "REQUIRES_EXCLUDE")
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def has(needs: Needs, places: Sequence[str], soname: str, elf_class: ElfClass) -> bool:
    paths = [soname] if "/" in soname else [os.path.join(place, soname) for place in places]
    return any(elf_class(path) == elf_class(needs.path) for path in paths)


def class_of(root: str, path: str) -> bytes | None:
    whole = at(root, path)
    if not os.path.isfile(whole):
        return None
    with open(whole, "rb") as file:
        start = file.read(5)
    return start[4:] if start.startswith(b"\x7fELF") else None


def configured(root: str) -> Iterator[str]:
    """Folders of ld.so.conf, and of what it includes."""
    todo = ["etc/ld.so.conf"]
    for name in todo:
        for word, *rest in words(at(root, name)):
            if word != "include":
                yield word
            elif rest and len(todo) < MOST_INCLUDED:
                more = (file for pattern in rest for file in included(root, os.path.dirname(name), pattern))
                todo += [file for file in more if file not in todo]


def included(root: str, beside: str, pattern: str) -> list[str]:
    folder, name = os.path.split(os.path.join(beside, pattern))
    there = at(root, folder)
    names = sorted(os.listdir(there)) if os.path.isdir(there) else []
    return [os.path.join(folder, other) for other in names if fnmatch.fnmatchcase(other, name)]


def words(path: str) -> list[list[str]]:
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = [line.partition("#")[0].split() for line in file]
    return [line for line in lines if line]


def at(root: str, path: str) -> str:
    """Where it is on this machine. Nowhere, if links lead in circles."""
    try:
        return os.path.join(root, inside(root, path, follow=True))
    except OSError:
        return ""
