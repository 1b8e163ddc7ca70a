"""Portage's records of a ROOT: the list of packages, and a fingerprint without what is of one run only."""

import hashlib
import json
import os
import re

from portage.versions import catpkgsplit

import sources

VDB = "var/db/pkg"

# Differs between two builds of the same thing; README.md says why each is here.
UNSTABLE = frozenset("BINPKGMD5 BUILD_ID BUILD_TIME COUNTER FEATURES REPO_REVISIONS environment.bz2 metadata".split())
# Likewise, outside of the VDB.
UNSTABLE_PATHS = re.compile(r"var/cache/edb(/.*)?|var/log/(emerge\.log|portage(/.*)?)")


def installed(root):
    """category/name-version of everything in root's VDB."""
    vdb = os.path.join(root, VDB)
    for category in sorted(os.listdir(vdb)) if os.path.isdir(vdb) else []:
        for pf in sorted(os.listdir(os.path.join(vdb, category))):
            if not pf.startswith("-MERGING-"):
                yield f"{category}/{pf}"


def counters(root):
    """What Portage counts up with every merge: tells a package merged now from one that was there."""
    return {cpv: record(root, cpv, "COUNTER") for cpv in installed(root)}


def record(root, cpv, name):
    try:
        with open_record(os.path.join(root, VDB, cpv, name)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def open_record(path):
    """Only a line feed ends a line: names have what else might."""
    return open(path, newline="\n", encoding="utf-8", errors="surrogateescape")


def of_parent(folder):
    """cpv → what the parent's list says of it."""
    try:
        with open(os.path.join(folder, "packages.json")) as file:
            return {f"{p['category']}/{p['name']}-{p['version']}": p for p in json.load(file)}
    except FileNotFoundError:
        return {}


def listed(root, image, parents, counters_before):
    found = []
    for cpv in installed(root):
        unchanged = counters_before.get(cpv) == record(root, cpv, "COUNTER")
        found.append(describe(root, cpv, image, parents.get(cpv) if unchanged else None))
    return found


def describe(root, cpv, image, inherited):
    """Which image brought it and what it was made of, a package that is as the parent left it says itself."""
    category, name, version, revision = catpkgsplit(cpv)
    version = version if revision == "r0" else f"{version}-{revision}"
    iuse = {flag.lstrip("+-") for flag in record(root, cpv, "IUSE").split()}
    use = set(record(root, cpv, "USE").split())
    slot, repository = record(root, cpv, "SLOT"), record(root, cpv, "repository")
    return {
        "category": category,
        "name": name,
        "version": version,
        "slot": slot,
        "repository": repository,
        "use": sorted(iuse & use),
        "license": " ".join(record(root, cpv, "LICENSE").split()),
        "purl": sources.purl(category, name, version, slot, repository),
        "size": size(root, cpv),
        "image": inherited["image"] if inherited else image,
        "sources": inherited["sources"] if inherited else sources.of_installed(cpv, use, repository),
    }


def size(root, cpv):
    """Bytes of the files it has in ROOT, headers and manuals included."""
    total = 0
    for line in record(root, cpv, "CONTENTS").split("\n"):
        if line.startswith("obj "):
            path = root + line[4:].rsplit(" ", 2)[0]
            total += os.lstat(path).st_size if os.path.lexists(path) else 0
    return total


def fingerprint(root, tree):
    """sha256 over everything that a child could notice."""
    whole = hashlib.sha256()
    for path, entry in sorted(tree.items()):
        if not unstable(path):
            data = stable_contents(root, path) if is_contents(path) else entry.data
            whole.update(repr((path, *entry._replace(data=data))).encode(errors="surrogateescape"))
    return whole.hexdigest()


def unstable(path):
    in_vdb = path.startswith(VDB + "/") and os.path.basename(path) in UNSTABLE
    return in_vdb or UNSTABLE_PATHS.fullmatch(path) is not None


def is_contents(path):
    return path.startswith(VDB + "/") and path.endswith("/CONTENTS")


def stable_contents(root, path):
    """Without the file times, which are of the day of the build, and in order."""
    with open_record(os.path.join(root, path)) as file:
        lines = [re.sub(r" \d+$", "", line.rstrip("\n")) for line in file]
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()
