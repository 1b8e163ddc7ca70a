"""A cache of binary packages that is neither stale nor needlessly empty.

`emerge --usepkg` looks at a package's version and USE flags only. It takes one that was built from
another text of the ebuild, with other CFLAGS, or against a dependency that is another one by now. So
each package is kept under a key: a hash over everything that its content depends on. PKGDIR starts
empty, gets just the packages whose key is the one computed now, and emerge may then use whatever it
finds there.

Deliberately not part of a key: the date of the ebuild repository, anything in it that this package
does not use, the number of jobs, the image that asked for it.

The cache is a folder that all builders can read and none can write: `bb` takes new packages out of a box and
puts them in, each with a note of its digest. One without a note, or with that of another file, is not there. The
time of the note is when the package was used last.
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
NOTE = ".sha256"
VIEW = "/var/cache/binpkgs"
FORMAT = 1  # of plan.json
CACHE_FORMAT = "2"  # another number, and everything is compiled anew

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
# What takes part in everything that is compiled, asked for or not.
TOOLCHAIN = ("sys-devel/gcc", "sys-devel/binutils", "sys-libs/glibc", "sys-libs/musl", "sys-kernel/linux-headers",
             "sys-apps/portage")
SITE_FOLDERS = ("patches", "savedconfig")
SITE_FILES = ("bashrc", "env", "profile/profile.bashrc", "package.env")


class Plan:
    """What would be merged if nothing were cached, with each package's key and, if it is there, its file."""

    def __init__(self, packages):
        self.packages = unique(packages)
        self.keys = Keys(self.packages).all()
        found = {p: noted(cache_path(p.cpv, self.keys[p])) for p in self.packages}
        self.cached = {p: note for p, note in found.items() if note}

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
        return {"format": FORMAT, "packages": [self.describe(p) for p in self.packages]}

    def describe(self, p):
        used, sha256 = self.cached.get(p, (None, None))
        in_image = p.root == resolve.IMAGE_ROOT + "/"
        return {"cpv": str(p.cpv), "key": self.keys[p], "used": used, "digest": sha256, "image": in_image,
                "use": sorted(p.use.enabled)}


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
        self.toolchain = toolchain()
        self.own = {p: own_hash(p) for p in packages}
        self.edges = {p: self.dependencies(p) for p in packages}

    def all(self):
        return {p: self.key(p) for p in self.packages}

    def key(self, package):
        reached = {self.own.get(p, p) for p in self.reach(package)}
        return digest("key", CACHE_FORMAT, *self.toolchain, self.own[package],
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


def toolchain():
    """A stage3 that does not record what it is made of is known by its own digest."""
    found = [installed_as(builder_vardb(), cpv)[0] for atom in TOOLCHAIN for cpv in builder_vardb().match(atom)]
    recorded = any("/gcc-" in text for text in found) and any("/portage-" in text for text in found)
    return found if recorded else [*found, os.environ.get("BOB_STAGE3", "")]


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
    """The package's own view of the settings, which package.env may have changed. Those of /, where it is
    compiled: the image's ROOT has variables of its own in /etc/profile.env."""
    settings = Config(clone=portage.db["/"]["vartree"].settings)
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
    return os.path.join(CACHE, category, f"{pf}-{own_key(key)}.gpkg.tar")


def own_key(key):
    """What is compiled beside a dock's code is found by those only that have the same code. `bb` does the same
    with keys that it is told by a box with such code."""
    code = os.environ.get("BOB_CODE")
    return hashlib.sha256(f"code {code} {key}".encode()).hexdigest()[:32] if code else key


def noted(path):
    """When a package was used last, and its digest; nothing if it is not there, or another one than its note says."""
    try:
        with open(path, "rb") as file, open(path + NOTE) as note:
            sha256 = note.read().strip()
            same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
            return (int(os.fstat(note.fileno()).st_mtime), sha256) if same else None
    except FileNotFoundError:
        return None


def fill_view(plan):
    """Copies, since the cache is another file system, and Portage passes over links."""
    shutil.rmtree(VIEW, ignore_errors=True)
    os.makedirs(VIEW)
    for package in plan.cached:
        category, pf = catsplit(package.cpv)
        target = os.path.join(VIEW, category, catpkgsplit(package.cpv)[1], f"{pf}-1.gpkg.tar")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(cache_path(package.cpv, plan.keys[package]), target)
    print(f">>> binary packages: {len(plan.cached)} fit, {len(plan.missing())} do not exist yet")


def missing(plan):
    """What the image needs and PKGDIR has not."""
    return [p for p in plan["packages"] if p["image"] and not in_view(p["cpv"])]


def in_view(cpv):
    category, pf = catsplit(cpv)
    folder = os.path.join(VIEW, category, catpkgsplit(cpv)[1])
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return any(re.fullmatch(re.escape(pf) + r"-\d+\.gpkg\.tar", name) for name in names)


def collect(plan, out):
    """Links to what emerge has built since fill_view, under the names that the cache has for it."""
    os.makedirs(out, exist_ok=True)
    new = {p["cpv"]: p for p in plan["packages"] if p["used"] is None}
    bintree = portage.db[portage.root]["bintree"]
    bintree.populate()
    for cpv in bintree.dbapi.cpv_all():
        use = bintree.dbapi.aux_get(cpv, ["USE"])[0].split()
        if str(cpv) not in new:
            continue
        if sorted(use) != new[str(cpv)]["use"]:
            print(f"warning: {cpv} was built with other USE flags than planned, not kept", file=sys.stderr)
            continue
        target = os.path.join(out, os.path.relpath(cache_path(cpv, new[str(cpv)]["key"]), CACHE))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        share.remove(target)
        os.link(bintree.getname(cpv), target)


def prune():
    """Old entries go, then the longest unused ones until the rest is small enough. Runs in a box of its own, which
    may write."""
    days = float(os.environ.get("BOB_CACHE_DAYS") or 180)
    room = float(os.environ.get("BOB_CACHE_MB") or 10240) * 1024 * 1024
    for unused, size, path in sorted(entries()):
        room -= size
        # Another builder may just have found a young one.
        if unused > 3600 and (unused > days * share.DAY or room < 0):
            share.remove(path)
            share.remove(path + NOTE)


def entries():
    """(seconds since last use, size, path) of each package, noted or not."""
    notes = {}
    for unused, size, path in share.files(CACHE):
        name = path.removesuffix(NOTE)
        before = notes.get(name, (unused, 0))
        notes[name] = (min(unused, before[0]), size + before[1])
    return [(unused, size, path) for path, (unused, size) in notes.items()]


def unused(days, *what):
    """A line for each package that nobody has used for so long and for each source that came before that: size and
    path. With `remove`, they go."""
    for age, size, path in sorted([*entries(), *share.files(distfiles.CACHE)], key=lambda entry: entry[2]):
        if age > float(days) * share.DAY:
            print(size, path)
            for file in (path, path + NOTE) if "remove" in what else ():
                share.remove(file)
