"""What packages consist of and are built with, asked of Portage. How keys are made of that is in `keys`."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

import portage
from _emerge.Package import Package
from portage.dbapi.vartree import vardbapi
from portage.dep import Atom, match_from_list
from portage.package.ebuild.config import config as Config
from portage.util import getconfig
from portage.versions import catpkgsplit

from gentoo_bob import digests, distfiles, keys, resolve, settings
from gentoo_bob.digests import file_digest, tree_lines
from gentoo_bob.keys import Ingredients, Node
from gentoo_bob.places import PORTAGE_SETTINGS, TOOLCHAIN
from gentoo_bob.resolve import BUILD_TIME, RUN_TIME

# What a user may put beside an ebuild without touching it.
SITE_FOLDERS = ("patches", "savedconfig", "env")
SITE_FILES = ("bashrc", "profile/profile.bashrc")
# Shell code that a profile runs in every phase of a package.
PROFILE_CODE = ("profile.bashrc", "package.bashrc", "bashrc")


def keys_of(packages: Sequence[Package], in_builder: Collection[str], stage3: str) -> dict[str, str]:
    """cpv → key. `in_builder` are the versions that the builder will have."""
    there = [p for p in packages if str(p.cpv) in in_builder]
    nodes = {str(p.cpv): node(p, there) for p in packages}
    return keys.all_keys(nodes, toolchain(stage3))


def toolchain(stage3: str) -> list[str]:
    db = builder_vardb()
    installed = [installed_text(db, cpv) for atom in TOOLCHAIN for cpv in db.match(atom)]
    return keys.toolchain_texts(installed, stage3)


# ---- what a package is built with


def node(package: Package, there: Sequence[Package]) -> Node:
    build = matches(package, BUILD_TIME, there)
    # What Portage records of subslots, and what runs while others are compiled, is the builder's too.
    run = matches(package, RUN_TIME, there)
    slots = frozenset(f"{atom.cp}:{slot}" for atom, _, slot in run if atom.slot_operator == "=")
    return Node(
        own=ingredients(package).digest(),
        build=[name for _, name, _ in build],
        run=[name for _, name, _ in run],
        slots=slots,
    )


def matches(package: Package, kinds: Sequence[str], planned: Sequence[Package]) -> list[tuple[Atom, str, str]]:
    """For each dependency: its atom, the name or text of what satisfies it, and that one's slot."""
    found: list[tuple[Atom, str, str]] = []
    for atom in resolve.atoms(package, kinds):
        if about_to_be := match_from_list(atom, planned):
            found += [(atom, str(p.cpv), f"{p.slot}/{p.sub_slot}") for p in about_to_be]
        else:
            found += [(atom, text, slot) for text, slot in installed(package, atom)]
    return found


def installed(package: Package, atom: Atom) -> list[tuple[str, str]]:
    """Text and slot, of what is in the stage3 or, for what is only needed to run, in the parent's image."""
    for db in (builder_vardb(), package.root_config.trees["vartree"].dbapi):
        if cpvs := db.match(atom):
            return [(installed_text(db, cpv), db.aux_get(cpv, ["SLOT"])[0]) for cpv in cpvs]
    return []


def builder_vardb() -> vardbapi:
    return portage.db["/"]["vartree"].dbapi


def installed_text(db: vardbapi, cpv: str) -> str:
    return keys.installed_text(cpv, digests.read(db.getpath(cpv, filename="CONTENTS")))


# ---- what a package consists of


def ingredients(package: Package) -> Ingredients:
    ebuild = resolve.ebuild(package)
    own = own_settings(package)
    return Ingredients(
        cpv=str(package.cpv),
        ebuild=file_digest(ebuild),
        eclasses=eclasses(package),
        files=tree_lines(os.path.join(os.path.dirname(ebuild), "files")),
        sources=sources(package),
        use=sorted(package.use.enabled),
        settings=settings_of(own),
        site=[*site(str(package.cpv), PORTAGE_SETTINGS), *profile_code()],
    )


def eclasses(package: Package) -> list[str]:
    known = resolve.portdb(package).repositories[package.repo].eclass_db.eclasses
    return [keys.eclass_line(name, file_digest(known[name].location)) for name in sorted(package.inherited)]


def sources(package: Package) -> list[str]:
    listed = distfiles.manifest(package)
    nothing: Mapping[str, str | int] = {}
    return [keys.source_line(name, listed.get(name, nothing)) for name in sorted(distfiles.fetch_map(package))]


def own_settings(package: Package) -> Config:
    """The package's own view of the settings, which package.env may have changed. Those of /, where it is
    compiled: the image's ROOT has variables of its own in /etc/profile.env."""
    own = Config(clone=portage.db["/"]["vartree"].settings)
    own.setcpv(package)
    return own


def settings_of(own: Config) -> list[str]:
    """By names and values: what a file of package.env is called says nothing."""
    known = [name for layer in ("defaults", "conf") for name in own.configdict[layer]]
    files = (os.path.join(PORTAGE_SETTINGS, "env", name) for name in own._penv)
    known += [name for file in files for name in getconfig(file, tolerant=True, allow_sourcing=True) or ()]
    counting = settings.names(known, own.get("USE_EXPAND", "").split())
    return settings.lines(counting, own.get, own.features)


@cache
def profile_code() -> tuple[str, ...]:
    """By what it says, not by where it is: a profile is somewhere in the tree."""
    profiles = portage.db["/"]["vartree"].settings.profiles
    return tuple(
        f"profile {at} {line}"
        for at, profile in enumerate(profiles)
        for name in PROFILE_CODE
        for line in tree_lines(os.path.join(profile, name))
    )


def site(cpv: str, etc: str) -> Iterator[str]:
    category, name, _, _ = catpkgsplit(cpv)
    for file in SITE_FILES:
        yield from tree_lines(os.path.join(etc, file))
    for folder in SITE_FOLDERS:
        parent = os.path.join(etc, folder, category)
        for entry in sorted(os.listdir(parent)) if os.path.isdir(parent) else []:
            if entry.startswith(name):
                yield from tree_lines(os.path.join(parent, entry))
