"""What a dock's settings of Portage name, held against the tree before anything is compiled.

Portage passes over a USE flag that no ebuild has and over a package that does not exist: an image is built for hours,
and lacks what its dock has asked for. A flag that is switched off and that nobody has is as if it were off. What a
hook has written by itself may be of another year's tree: of that, a flag that is gone is a warning.

Knows files' lines only; what exists is asked of `Known`.
"""

import difflib
import errno
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
# The file of the builder's own functions, and that of the parents' settings, which were looked at when the parent was
# built.
OWN = "zz-bob"
PARENTS = "zy-bob-parents"
# Folders that Portage passes over.
NOT_READ = ("CVS", "RCS", "SCCS")
MOST_BYTES = 1 << 20
# It takes a moment to look for a name that is like another.
MOST_NEAREST = 20
PROVIDED = "profile/package.provided"
# They write behind a setting where in the dock they were called.
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
    for line in (line for name in (*LISTS, PROVIDED) for line in lines(etc, name, found.errors)):
        if fault := passed_over(line, known):
            found.errors.append(f"{line.place}: {fault}")
        elif line.kind == "package.use":
            without_effect = found.errors if line.is_ours else found.warnings
            is_many = len(found.errors) + len(found.warnings) >= MOST_NEAREST
            names = [] if is_many else known.names()
            without_effect += [f"{line.place}: {fault}" for fault in unknown(line, known, names)]
    return found


def lines(etc: str, name: str, errors: list[str]) -> Iterator[Line]:
    """Portage reads a file, or all files in a folder. What cannot be read becomes an error."""
    for path in files(os.path.join(etc, name)):
        is_own = os.path.basename(path) == OWN
        try:
            texts = lines_of(path)
        except OSError as error:
            errors.append(f"{path}: {error.strerror}")
            continue
        for number, text in enumerate(texts, 1):
            place = PLACE.search(text) if is_own else None
            words = before_comment(text.split())
            if words:
                yield Line(name, place["place"] if place else f"{path}:{number}", words, place is not None)


def lines_of(path: str) -> list[str]:
    """What is no UTF-8 is read all the same, as Portage does."""
    if os.path.getsize(path) > MOST_BYTES:
        raise OSError(errno.EFBIG, "is longer than 1 MiB")
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip() for line in file]


def files(path: str, above: Sequence[str] = ()) -> Iterator[str]:
    """Also behind links. Not hidden ones, copies that editors leave, links to nothing, and what is no file."""
    name = os.path.basename(path)
    if name[0] == "." or name[-1] == "~" or name == PARENTS:
        return
    if os.path.isfile(path):
        yield path
    elif os.path.isdir(path) and name not in NOT_READ and (real := os.path.realpath(path)) not in above:
        for each in sorted(os.listdir(path)):
            yield from files(os.path.join(path, each), [*above, real])


def before_comment(words: list[str]) -> list[str]:
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


def passed_over(line: Line, known: Known) -> str | None:
    """Why Portage would pass over it."""
    text = " ".join(line.words)
    if line.kind == PROVIDED:
        return None if known.is_version(text) else f"`{text}` names no version, so nothing is provided"
    atom = atom_of(line)
    if not known.is_atom(atom):
        return f"`{atom}` is no package atom ({line.kind})"
    return f"`{atom}` has USE flags in it, which no atom of {line.kind} may" if has_flags(line) else None


def has_flags(line: Line) -> bool:
    return line.kind == "package.use" and "[" in atom_of(line)


def atom_of(line: Line) -> str:
    """A line of a mask is nothing but an atom. Masks of a profile are taken back with a minus."""
    return " ".join(line.words).removeprefix("-") if line.kind.endswith("mask") else line.words[0]


def unknown(line: Line, known: Known, names: Sequence[str]) -> Iterator[str]:
    package = known.package(atom_of(line))
    # Wildcards are about many packages, each with flags of its own.
    if "*" in package:
        return
    flags = known.flags(package)
    if flags is None:
        yield f"there is no package `{package}`{nearest(package, names)}"
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
