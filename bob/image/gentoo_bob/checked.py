"""What a dock's settings of Portage name, held against the tree before anything is compiled.

Portage passes over a USE flag that no ebuild has and over a package that does not exist: an image is built for hours,
and lacks what its dock has asked for. A flag that is switched off and that nobody has is as if it were off. What a
hook has written by itself may be of another year's tree: of that, a flag that is gone is a warning.

Knows files' lines only; what exists is asked of `Known`.
"""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

LISTS = (
    "package.use",
    "package.keywords",
    "package.accept_keywords",
    "package.mask",
    "package.unmask",
    "package.license",
    "package.env",
)
# They were looked at when the parent was built.
PARENTS = "zy-bob-parents"
PROVIDED = "profile/package.provided"
# The builder's own function for a setting writes behind it where in the dock it was called.
PLACE = re.compile(r"\s# (?P<place>[^#]+:\d+)$")


class Known(Protocol):
    """What there is."""

    def is_atom(self, text: str) -> bool: ...
    def package(self, text: str) -> str: ...
    def is_version(self, text: str) -> bool: ...
    def names(self) -> Sequence[str]: ...
    def flags(self, package: str) -> frozenset[str] | None: ...


class Line(NamedTuple):
    """A line of a settings file."""

    kind: str  # which of the lists
    place: str
    words: list[str]
    is_ours: bool  # written by one of the builder's own functions


class Faults(NamedTuple):
    """Messages, each with its place."""

    errors: list[str]
    warnings: list[str]


def faults(etc: str, known: Known) -> Faults:
    found = Faults([], [])
    for line in (line for name in (*LISTS, PROVIDED) for line in lines(etc, name)):
        if fault := unreadable(line, known):
            found.errors.append(f"{line.place}: {fault}")
        elif line.kind == "package.use":
            without_effect = found.errors if line.is_ours else found.warnings
            without_effect += [f"{line.place}: {fault}" for fault in unknown(line, known)]
    return found


def lines(etc: str, name: str) -> Iterator[Line]:
    for path in files(os.path.join(etc, name)):
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, text in enumerate(file, 1):
                place = PLACE.search(text.rstrip())
                words = before_comment(text.split())
                if words:
                    yield Line(name, place["place"] if place else f"{path}:{number}", words, place is not None)


def files(path: str) -> Iterator[str]:
    """Portage reads a file, or all files in a folder but hidden ones and copies that editors leave."""
    if os.path.isfile(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        read = (name for name in sorted(names) if name[0] != "." and name[-1] != "~" and name != PARENTS)
        yield from (os.path.join(folder, name) for name in read)


def before_comment(words: list[str]) -> list[str]:
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


def unreadable(line: Line, known: Known) -> str | None:
    """What Portage would pass over."""
    if line.kind == PROVIDED:
        unversioned = [word for word in line.words if not known.is_version(word)]
        return f"`{unversioned[0]}` names no version, so nothing is provided" if unversioned else None
    atom = atom_of(line)
    return None if known.is_atom(atom) else f"`{atom}` is no package atom ({line.kind})"


def atom_of(line: Line) -> str:
    """Masks of a profile are taken back with a minus."""
    return line.words[0].removeprefix("-") if line.kind.endswith("mask") else line.words[0]


def unknown(line: Line, known: Known) -> Iterator[str]:
    package = known.package(atom_of(line))
    # Wildcards are about many packages, each with flags of its own.
    if "*" in package:
        return
    flags = known.flags(package)
    if flags is None:
        yield f"there is no package `{package}`{nearest(package, known.names())}"
        return
    for flag in enabled(line.words[1:]):
        if flag not in flags:
            yield f"no version of `{package}` has the USE flag `{flag}`{nearest(flag, sorted(flags))}"


def enabled(values: Iterable[str]) -> Iterator[str]:
    """`NAME:` is before values of a USE_EXPAND variable."""
    prefix = ""
    for value in values:
        if value.endswith(":"):
            prefix = value[:-1].lower() + "_"
        elif not value.startswith("-") and value != "*":
            yield prefix + value.removeprefix("+")


def nearest(name: str, every: Sequence[str]) -> str:
    """Of packages, one with the same name in another category before others."""
    found = [other for other in every if other.partition("/")[2] == name.partition("/")[2] != ""]
    found += difflib.get_close_matches(name, every, 3, 0.7)
    shown = " or ".join(f"`{other}`" for other in dict.fromkeys(found[:3]))
    return f"; there is {shown}" if shown else ""
