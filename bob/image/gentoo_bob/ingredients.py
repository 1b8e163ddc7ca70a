"""What packages consist of and are built with, asked of Portage. How keys are made of that is in `keys`."""

import os
from collections.abc import Iterator, Mapping, Sequence

import portage
from _emerge.Package import Package
from portage.dbapi.vartree import vardbapi
from portage.dep import Atom, match_from_list, use_reduce
from portage.package.ebuild.config import config as Config
from portage.versions import catpkgsplit

from gentoo_bob import digests, distfiles, keys, resolve, settings
from gentoo_bob.digests import file_digest, tree_lines
from gentoo_bob.keys import Ingredients, Node
from gentoo_bob.places import PORTAGE_SETTINGS

BUILD_DEPS = ("DEPEND", "BDEPEND", "IDEPEND")
RUN_DEPS = ("RDEPEND",)
# What takes part in everything that is compiled, asked for or not.
TOOLCHAIN = (
    "sys-devel/gcc",
    "sys-devel/binutils",
    "sys-libs/glibc",
    "sys-libs/musl",
    "sys-kernel/linux-headers",
    "sys-apps/portage",
)
# What a user may put beside an ebuild without touching it.
SITE_FOLDERS = ("patches", "savedconfig")
SITE_FILES = ("bashrc", "env", "profile/profile.bashrc", "package.env")


def keys_of(packages: Sequence[Package], stage3: str) -> dict[str, str]:
    """cpv → key."""
    nodes = {str(p.cpv): node(p, packages) for p in packages}
    return keys.all_keys(nodes, toolchain(stage3))


def toolchain(stage3: str) -> list[str]:
    db = builder_vardb()
    installed = [installed_text(db, cpv) for atom in TOOLCHAIN for cpv in db.match(atom)]
    return keys.toolchain_texts(installed, stage3)


# ---- what a package is built with


def node(package: Package, planned: Sequence[Package]) -> Node:
    build = matches(package, BUILD_DEPS, planned)
    run = matches(package, RUN_DEPS, planned)
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
    for atom in atoms_of(package, kinds):
        if about_to_be := match_from_list(atom, planned):
            found += [(atom, str(p.cpv), f"{p.slot}/{p.sub_slot}") for p in about_to_be]
        else:
            found += [(atom, text, slot) for text, slot in installed(package, atom)]
    return found


def atoms_of(package: Package, kinds: Sequence[str]) -> list[Atom]:
    text = " ".join(package._metadata.get(kind) or "" for kind in kinds)
    tokens = use_reduce(text, uselist=package.use.enabled, flat=True, eapi=package.eapi, token_class=Atom)
    atoms = [t for t in tokens if isinstance(t, Atom) and not t.blocker]
    return [atom.evaluate_conditionals(package.use.enabled) if atom.use else atom for atom in atoms]


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
    return Ingredients(
        cpv=str(package.cpv),
        ebuild=file_digest(ebuild),
        eclasses=eclasses(package),
        files=tree_lines(os.path.join(os.path.dirname(ebuild), "files")),
        sources=sources(package),
        use=sorted(package.use.enabled),
        settings=settings_of(package),
        site=list(site(str(package.cpv), PORTAGE_SETTINGS)),
    )


def eclasses(package: Package) -> list[str]:
    known = resolve.portdb(package).repositories[package.repo].eclass_db.eclasses
    return [keys.eclass_line(name, file_digest(known[name].location)) for name in sorted(package.inherited)]


def sources(package: Package) -> list[str]:
    listed = distfiles.manifest(package)
    nothing: Mapping[str, str | int] = {}
    return [keys.source_line(name, listed.get(name, nothing)) for name in sorted(distfiles.fetch_map(package))]


def settings_of(package: Package) -> list[str]:
    """The package's own view of the settings, which package.env may have changed. Those of /, where it is
    compiled: the image's ROOT has variables of its own in /etc/profile.env."""
    own = Config(clone=portage.db["/"]["vartree"].settings)
    own.setcpv(package)
    known = [name for layer in ("defaults", "conf") for name in own.configdict[layer]]
    counting = settings.names(known, own.get("USE_EXPAND", "").split())
    return settings.lines(counting, own.get, own.features)


def site(cpv: str, etc: str) -> Iterator[str]:
    category, name, _, _ = catpkgsplit(cpv)
    for file in SITE_FILES:
        yield from tree_lines(os.path.join(etc, file))
    for folder in SITE_FOLDERS:
        parent = os.path.join(etc, folder, category)
        for entry in sorted(os.listdir(parent)) if os.path.isdir(parent) else []:
            if entry.startswith(name):
                yield from tree_lines(os.path.join(parent, entry))
