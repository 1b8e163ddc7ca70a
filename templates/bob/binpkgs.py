"""A cache of binary packages that is neither stale nor needlessly empty.

`emerge --usepkg` looks at a package's version and USE flags only. It takes one that was built from
another text of the ebuild, with other CFLAGS, or against a dependency that is another one by now. So
each package is kept under a key: a hash over everything that its content depends on. PKGDIR starts
empty, gets just the packages whose key is the one computed now, and emerge may then use whatever it
finds there.

Deliberately not part of a key: the date of the ebuild repository, anything in it that this package
does not use, the number of jobs, the image that asked for it.

The cache is a folder that several builders share: entries appear by rename, are never changed, and
are dropped only when nobody has used them for a while.
"""

import hashlib
import os
import re
import shutil
import sys

import portage
from portage.dep import Atom, match_from_list, use_reduce
from portage.package.ebuild.config import config as Config
from portage.versions import catpkgsplit, catsplit

import distfiles
import resolve
import share

CACHE = "/packages"
VIEW = "/var/cache/binpkgs"
CACHE_FORMAT = "1"  # another number, and everything is compiled anew

BUILD_DEPS = ("DEPEND", "BDEPEND", "IDEPEND")
RUN_DEPS = ("RDEPEND",)

# Settings that change no package's content, or that are in its USE flags already. Every other variable
# of make.conf or of the profile counts, known or not: an unknown one may be read by some ebuild.
NO_MATTER = re.compile(
    r"USE|USE_.*|.*_USE|IUSE_.*|ACCEPT_.*|FEATURES|MAKEOPTS|MAKEFLAGS|NINJAOPTS|EMERGE_.*|PORTAGE_.*|PORTDIR.*"
    r"|DISTDIR|PKGDIR|GENTOO_MIRRORS|CONFIG_PROTECT.*|FETCHCOMMAND.*|RESUMECOMMAND.*|BINPKG_.*|PROFILE_.*|ENV_UNSET"
    r"|UNINSTALL_IGNORE|COLLISION_IGNORE|CLEAN_DELAY|NOCOLOR|LC_.*|INPUT_DEVICES|VIDEO_CARDS|SYNC|PORT_LOG.*"
)
ALWAYS = ("CHOST", "CBUILD", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "FFLAGS", "FCFLAGS", "RUSTFLAGS",
          "ARCH", "ABI", "ELIBC", "KERNEL", "SOURCE_DATE_EPOCH")
# Only these features change what a package installs.
CONTENT_FEATURES = frozenset(
    "nostrip splitdebug compressdebug dedupdebug installsources noinfo noman nodoc test xattr static-libs "
    "fixlafiles multilib-strict".split()
)
# What a user may put beside an ebuild without touching it.
SITE_FOLDERS = ("patches", "savedconfig")
SITE_FILES = ("bashrc", "env", "profile/profile.bashrc", "package.env")


class Plan:
    """What would be merged if nothing were cached, with each package's key and, if it is there, its file."""

    def __init__(self, packages):
        self.packages = unique(packages)
        self.keys = Keys(self.packages).all()
        self.cached = {p: path for p in self.packages if os.path.exists(path := cache_path(p.cpv, self.keys[p]))}

    def missing(self):
        return [p for p in self.packages if p not in self.cached]

    def compile_for_image(self):
        return [p for p in self.missing() if p.root == resolve.IMAGE_ROOT + "/"]

    def to_compile(self):
        """Where everything for the image is there, nothing is built in the builder either."""
        if self.compile_for_image() or os.environ.get("BOB_BUILD_PACKAGES"):
            return self.missing()
        return []

    def as_json(self):
        return {
            "compile_for_image": [f"={p.cpv}" for p in self.compile_for_image()],
            "keys": {p.cpv: self.keys[p] for p in self.packages},
            "use": {p.cpv: sorted(p.use.enabled) for p in self.packages},
        }


def make_plan(atoms):
    return Plan(resolve.everything(atoms))


def unique(packages):
    """One of each version, the builder's before the image's: both would be the same package."""
    both = sorted(packages, key=lambda p: p.root != "/")
    in_image = {p.cpv: p for p in both if p.root != "/"}
    first = {p.cpv: p for p in reversed(both)}
    # A package for the image must be known as such, so that Plan.compile_for_image finds it.
    return [in_image.get(cpv, p) for cpv, p in sorted(first.items())]


# ---- keys


class Keys:
    """Keys of packages, each over the package's own inputs and those of all that it is built with.

    A set of hashes over everything reachable, rather than a hash of hashes: cycles among packages then
    need no rule of their own.
    """

    def __init__(self, packages):
        self.packages = packages
        self.own = {p: own_hash(p) for p in packages}
        self.edges = {p: self.dependencies(p) for p in packages}

    def all(self):
        return {p: self.key(p) for p in self.packages}

    def key(self, package):
        reached = {self.own[p] if p in self.own else p for p in self.reach(package)}
        return digest("key", CACHE_FORMAT, os.environ.get("BOB_STAGE3", ""), self.own[package],
                      *sorted(self.edges[package]["slots"]), *sorted(reached))[:32]

    def reach(self, package):
        """What is there while the package is built: its build dependencies, what these need to run, and
        what all of these were built with. What it needs itself only to run is no part of its content."""
        todo, seen = list(self.edges[package]["build"]), set()
        while todo:
            other = todo.pop()
            if other in seen or other == package:
                continue
            seen.add(other)
            if other in self.edges:
                todo += self.edges[other]["build"] + self.edges[other]["run"]
        return seen

    def dependencies(self, package):
        run = self.matches(package, RUN_DEPS)
        build = self.matches(package, BUILD_DEPS)
        return {
            "build": [found for _, found, _ in build],
            "run": [found for _, found, _ in run],
            # A binary package records the subslots that its `:=` dependencies had.
            "slots": {f"{atom.cp}:{slot}" for atom, _, slot in run if atom.slot_operator == "="},
        }

    def matches(self, package, kinds):
        """(atom, what satisfies it, slot) for each dependency that is about to be built or installed here."""
        found = []
        for atom in atoms_of(package, kinds):
            planned = match_from_list(atom, self.packages)
            if planned:
                found += [(atom, p, f"{p.slot}/{p.sub_slot}") for p in planned]
            else:
                found += [(atom, text, slot) for text, slot in installed(package, atom)]
        return found


def atoms_of(package, kinds):
    text = " ".join(package._metadata.get(kind) or "" for kind in kinds)
    tokens = use_reduce(text, uselist=package.use.enabled, flat=True, eapi=package.eapi, token_class=Atom)
    atoms = [t for t in tokens if isinstance(t, Atom) and not t.blocker]
    return [atom.evaluate_conditionals(package.use.enabled) if atom.use else atom for atom in atoms]


def installed(package, atom):
    """In the stage3 or, for what is only needed to run, in the parent's image."""
    trees = package.root_config.trees
    for vardb in (builder_vardb(), trees["vartree"].dbapi):
        cpvs = vardb.match(atom)
        if cpvs:
            return [installed_as(vardb, cpv) for cpv in cpvs]
    return []


def builder_vardb():
    return portage.db["/"]["vartree"].dbapi


def installed_as(vardb, cpv):
    """A text that changes with what is installed. The stage3's digest would do for its packages, but
    not for those that a dock's hook has put into the builder."""
    contents = re.sub(rb" \d+$", b"", read(vardb.getpath(cpv, filename="CONTENTS")), flags=re.M)
    (slot,) = vardb.aux_get(cpv, ["SLOT"])
    return f"installed:{cpv}:{digest(contents)}", slot


def own_hash(package):
    """Of everything that is only this package's: ebuild, eclasses, files, sources, USE, settings."""
    db = resolve.portdb(package)
    ebuild = db.findname(package.cpv, myrepo=package.repo)
    folder = os.path.dirname(ebuild)
    return digest(
        str(package.cpv),
        file_hash(ebuild),
        *eclass_hashes(package),
        *tree_hashes(os.path.join(folder, "files")),
        *source_digests(package),
        " ".join(sorted(package.use.enabled)),
        *settings_of(package),
        *site_hashes(package.cpv),
    )


def eclass_hashes(package):
    db = resolve.portdb(package)
    known = db.repositories[package.repo].eclass_db.eclasses
    return [f"eclass {name} {file_hash(known[name].location)}" for name in sorted(package.inherited)]


def source_digests(package):
    digests = distfiles.manifest(package)
    names = sorted(distfiles.fetch_map(package))
    return [f"source {name} {sorted(digests.get(name, {}).items())}" for name in names]


def settings_of(package):
    """The package's own view of the settings, which package.env may have changed."""
    settings = Config(clone=package.root_config.settings)
    settings.setcpv(package)
    names = set(ALWAYS)
    for layer in ("defaults", "conf"):
        names.update(settings.configdict[layer])
    expanded = set(settings.get("USE_EXPAND", "").split())
    names = {n for n in names if n not in expanded and (n in ALWAYS or not NO_MATTER.fullmatch(n))}
    values = [f"{name}={' '.join((settings.get(name) or '').split())}" for name in sorted(names)]
    return [*values, f"FEATURES={' '.join(sorted(set(settings.features) & CONTENT_FEATURES))}"]


def site_hashes(cpv, etc="/etc/portage"):
    category, name, _, _ = catpkgsplit(cpv)
    hashes = [line for file in SITE_FILES for line in tree_hashes(os.path.join(etc, file))]
    for folder in SITE_FOLDERS:
        parent = os.path.join(etc, folder, category)
        for entry in sorted(os.listdir(parent)) if os.path.isdir(parent) else []:
            if entry.startswith(name):
                hashes += tree_hashes(os.path.join(parent, entry))
    return hashes


def tree_hashes(path):
    if os.path.isfile(path):
        return [f"{path} {file_hash(path)}"]
    found = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        for file in sorted(os.path.join(folder, name) for name in files):
            found.append(f"{os.path.relpath(file, path)} {file_hash(file)}")
    return found


def file_hash(path):
    return digest(read(path))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def digest(*parts):
    """Each part with its length, so that no two lists of parts look alike."""
    whole = hashlib.sha256()
    for part in parts:
        part = part if isinstance(part, bytes) else part.encode()
        whole.update(b"%d:" % len(part) + part)
    return whole.hexdigest()


# ---- the cache


def cache_path(cpv, key):
    category, pf = catsplit(cpv)
    return os.path.join(CACHE, category, f"{pf}-{key}.gpkg.tar")


def fill_view(plan):
    """Copies, since the cache is another file system, and Portage passes over links."""
    shutil.rmtree(VIEW, ignore_errors=True)
    os.makedirs(VIEW)
    for package, path in plan.cached.items():
        category, pf = catsplit(package.cpv)
        target = os.path.join(VIEW, category, catpkgsplit(package.cpv)[1], f"{pf}-1.gpkg.tar")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
        os.utime(path)
    print(f">>> binary packages: {len(plan.cached)} fit, {len(plan.missing())} do not exist yet")


def keep_new(plan):
    """Puts into the cache what emerge has built since fill_view."""
    bintree = portage.db[portage.root]["bintree"]
    bintree.populate()
    for cpv in bintree.dbapi.cpv_all():
        if cpv not in plan["keys"]:
            print(f"warning: {cpv} was built without being planned, not kept", file=sys.stderr)
            continue
        path = cache_path(cpv, plan["keys"][cpv])
        if not os.path.exists(path):
            share.put(bintree.getname(cpv), path)


def prune():
    """Old entries go, then the longest unused ones until the rest is small enough."""
    days = float(os.environ.get("BOB_CACHE_DAYS") or 180)
    room = float(os.environ.get("BOB_CACHE_MB") or 10240) * 1024 * 1024
    for unused, size, path in sorted(share.files(CACHE)):
        room -= size
        # Another builder may just have found a young one.
        if unused > 3600 and (unused > days * share.DAY or room < 0):
            share.remove(path)
    share.sweep(CACHE)
