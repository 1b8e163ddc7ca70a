"""What is compiled against is what is shipped: which packages the builder must have in the image's own version.

A stage3 is older than the tree. What is compiled for an image is linked to what is in `/`, where an older library of
the stage3 is good enough for emerge, while ROOT gets the tree's newer one. Where its name is another one too, nothing
would start. So what both have in different versions is put into `/` first.

The C library and the compiler stay what they are: with an older one than ROOT's, programs run all the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import portage
from portage.dep import Atom, match_from_list, use_reduce
from portage.versions import pkgcmp, pkgsplit

from gentoo_bob import resolve
from gentoo_bob.places import IMAGE_ROOT, TOOLCHAIN

if TYPE_CHECKING:
    from _emerge.Package import Package
    from portage.dbapi.vartree import vardbapi

# Each round may bring dependencies that are to be aligned as well.
ROUNDS = 10
LIBC = ("sys-libs/glibc", "sys-libs/musl")
RUN_TIME = ("RDEPEND",)


def aligned(planned: Sequence["Package"]) -> tuple[list[str], list["Package"]]:
    """Versions that go into `/` before anything is compiled, and all that comes there with them."""
    wanted: list[str] = []
    with_them: list[Package] = []
    for _ in range(ROUNDS):
        more = [cpv for cpv in others([*planned, *with_them]) if cpv not in wanted]
        if not more:
            break
        wanted += more
        with_them = resolve.resolve("/", resolve.IN_PLACE, [f"={cpv}" for cpv in wanted])
    return wanted, with_them


def others(planned: Sequence["Package"]) -> list[str]:
    """What ROOT gets, or has, in another version than what packages for the image would be compiled with."""
    image = Side(IMAGE_ROOT, planned)
    builder = Side("/", planned)
    found: dict[str, None] = {}
    for atom in needed(image):
        shipped = image.best(atom)
        if shipped and (there := builder.all(atom)) and shipped not in there and is_in_tree(shipped):
            found[shipped] = None
    return list(found)


def older_libc(planned: Sequence["Package"]) -> str | None:
    """The other way round it would not do: what is compiled with a C library asks for what is new in it."""
    image, builder = Side(IMAGE_ROOT, planned), Side("/", planned)
    for name in LIBC:
        shipped, there = image.best(Atom(name)), builder.best(Atom(name))
        if shipped and there and (pkgcmp(pkgsplit(shipped), pkgsplit(there)) or 0) < 0:
            return f"the image gets {shipped}, and would be compiled with the stage3's {there}, which is newer"
    return None


def needed(image: "Side") -> Iterator[Atom]:
    """What packages for the image are compiled with, and what that needs to run, for it may be linked to it too."""
    todo = [atom for package in image.planned for atom in resolve.atoms(package, ("DEPEND",))]
    seen: set[Atom] = set()
    while todo:
        atom = todo.pop()
        if atom in seen or atom.cp in TOOLCHAIN:
            continue
        seen.add(atom)
        yield atom
        todo += image.run_time(atom)


def is_in_tree(cpv: str) -> bool:
    return bool(portage.db["/"]["porttree"].dbapi.match(f"={cpv}"))


class Side:
    """A root: what is planned for it, and what it has."""

    def __init__(self, root: str, planned: Iterable["Package"]) -> None:
        self.planned = [package for package in planned if package.root.rstrip("/") == root.rstrip("/")]
        self.installed: vardbapi = portage.db[portage.root if root != "/" else "/"]["vartree"].dbapi

    def all(self, atom: Atom) -> list[str]:
        """Versions that satisfy it. What is planned takes the place of what is there."""
        coming = [str(package.cpv) for package in match_from_list(atom, self.planned)]
        return coming or list(map(str, self.installed.match(atom)))

    def best(self, atom: Atom) -> str | None:
        """Portage lists installed ones in ascending order."""
        found = self.all(atom)
        return found[-1] if found else None

    def run_time(self, atom: Atom) -> list[Atom]:
        """What needs whoever satisfies it."""
        coming = match_from_list(atom, self.planned)
        if coming:
            return [other for package in coming for other in resolve.atoms(package, RUN_TIME)]
        return [other for cpv in self.installed.match(atom) for other in recorded(self.installed, cpv)]


def recorded(db: "vardbapi", cpv: str) -> list[Atom]:
    eapi, use, text = db.aux_get(cpv, ["EAPI", "USE", "RDEPEND"])
    tokens = use_reduce(text, uselist=frozenset(use.split()), flat=True, eapi=eapi, token_class=Atom)
    return [token for token in tokens if isinstance(token, Atom) and not token.blocker]
