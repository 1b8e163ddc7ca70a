"""What is compiled against is what is shipped: which packages the builder must have in the image's own version.

A stage3 is older than the tree. What is compiled for an image is linked to what is in `/`, where an older library of
the stage3 is good enough for emerge, while ROOT gets the tree's newer one. Where its name is another one too, nothing
would start. So what both have in different versions is put into `/` first.

The C library and the compiler stay what they are: with an older one than ROOT's, programs run all the same. So do
interpreters: ebuilds run them, with modules of the stage3 that another version would not find.

What a package for the image needs in `/` to be merged (IDEPEND) goes there as well: while merging, nothing is compiled.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import portage
from portage.dep import Atom, isvalidatom, match_from_list
from portage.versions import pkgcmp, pkgsplit

from gentoo_bob import resolve
from gentoo_bob.places import IMAGE_ROOT, TOOLCHAIN
from gentoo_bob.resolve import BUILD_TIME, RUN_TIME

if TYPE_CHECKING:
    from _emerge.Package import Package
    from portage.dbapi.vartree import vardbapi

# Each round may bring dependencies that are to be aligned as well.
ROUNDS = 10
LIBC = ("sys-libs/glibc", "sys-libs/musl")
STAYS = frozenset([*TOOLCHAIN, "dev-lang/perl", "dev-lang/python"])


class Aligned(NamedTuple):
    """What goes into `/` before anything is compiled."""

    wanted: list[str]  # versions
    with_them: list["Package"]  # all that comes there
    to_merge: list[str]  # of `wanted`, what is needed to merge what others have compiled, too


def aligned(planned: Sequence["Package"]) -> Aligned:
    to_merge = for_merging(planned)
    with_them = resolve.in_place(to_merge)
    wanted = [] if with_them is None else list(to_merge)
    with_them = with_them or []
    for _ in range(ROUNDS):
        more = [cpv for cpv in others([*planned, *with_them]) if cpv not in wanted]
        solved = resolve.in_place([*wanted, *more]) if more else None
        if solved is None:
            break
        wanted, with_them = [*wanted, *more], solved
    return Aligned(wanted, with_them, to_merge)


def still_needed(planned: Sequence["Package"], with_them: Sequence["Package"], asked: Sequence[str]) -> list["Package"]:
    """All that comes, once there is in `/` what is put there first: where that will do for whoever wanted another
    version of it, the other one does not come, nor what only the other one needs. `asked` are words of a dock's."""
    builder = Side("/", planned).planned
    others = [package for package in planned if package not in builder]
    replaced = {(package.cp, package.slot) for package in with_them}
    # What a set stands for is not known here.
    any_set = not all(map(isvalidatom, asked))
    stays = [p for p in builder if not with_them or (any_set and (p.cp, p.slot) not in replaced)]

    def coming(atoms: Iterable[Atom]) -> Iterator["Package"]:
        open_ones = (atom for atom in atoms if not match_from_list(atom, with_them))
        return (package for atom in open_ones for package in match_from_list(atom, builder))

    todo = [*others, *with_them, *stays, *coming(Atom(word) for word in asked if isvalidatom(word))]
    seen: set[Package] = set()
    while todo:
        package = todo.pop()
        if package not in seen:
            seen.add(package)
            todo += coming(resolve.atoms(package, BUILD_TIME if package in others else (*BUILD_TIME, *RUN_TIME)))
    return [*others, *(package for package in builder if package in seen), *with_them]


def for_merging(planned: Sequence["Package"]) -> list[str]:
    atoms = [atom for p in Side(IMAGE_ROOT, planned).planned for atom in resolve.atoms(p, ("IDEPEND",))]
    builder = Side("/", planned).planned
    found = (str(package.cpv) for atom in atoms for package in match_from_list(atom, builder))
    return list(dict.fromkeys(found))


def others(planned: Sequence["Package"]) -> list[str]:
    """What ROOT gets, or has, in another version, or with other USE flags, than what packages for the image would be
    compiled with."""
    image, builder = Side(IMAGE_ROOT, planned), Side("/", planned)
    found: dict[str, None] = {}
    for atom in needed(image):
        shipped, there = image.best(atom), builder.all(atom)
        is_other = shipped not in there or builder.has_other_use(shipped, image)
        if shipped and there and is_other and is_in_tree(shipped):
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
    build = [atom for package in image.planned for atom in resolve.atoms(package, ("DEPEND",))]
    run = [atom for package in image.planned for atom in resolve.atoms(package, RUN_TIME)]
    # Of these Portage records which slot the builder has.
    todo = build + [atom for atom in run if atom.slot_operator == "="]
    seen: set[Atom] = set()
    while todo:
        atom = todo.pop()
        if atom in seen or atom.cp in STAYS:
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

    def has_other_use(self, cpv: str | None, image: "Side") -> bool:
        """Whether what is installed here was built with other flags than what is planned for the image."""
        coming = next((package for package in image.planned if str(package.cpv) == cpv), None)
        if coming is None or any(str(package.cpv) == cpv for package in self.planned):
            return False
        use, iuse = (set(text.split()) for text in self.installed.aux_get(str(cpv), ["USE", "IUSE"]))
        known = {flag.lstrip("+-") for flag in iuse}
        return known & use != known & coming.use.enabled

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
    return resolve.atoms_in(text, frozenset(use.split()), eapi)
