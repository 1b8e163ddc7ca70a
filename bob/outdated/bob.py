"""What a rootfs step would install, asked of Portage's resolver. Writes Portage's records of it into ROOT, as if it
had been merged, so that the lists and the children see what they would see. Compiles and fetches nothing."""

import json
import os
import shutil
import sys

from portage.dep import match_from_list

sys.path.append("/usr/lib/bob")
import binpkgs  # the builder's own modules
import packages
import resolve

ROOT = resolve.IMAGE_ROOT
LAST = "/bb/last"
OUT = "/bb/out"
# Of the resolver's own making, or written below.
NO_RECORD = frozenset("COUNTER USE repository _mtime_ MD5 SIZE BUILD_ID BUILD_TIME".split())


def main(*atoms):
    before = packages.counters(ROOT)
    plan = binpkgs.make_plan(atoms)
    merged = [p for p in plan.packages if p.root == ROOT + "/"]
    for number, package in enumerate(merged, 1 + max(map(int, before.values()), default=0)):
        record(package, number)
    uninstall()
    listed = packages.listed(ROOT, os.environ["BOB_NAME"], packages.of_parent("/bb/parent"), before)
    write("packages.json", listed)
    for_image = [str(p.cpv) for p in plan.compile_for_image()]
    write("compiled.json", {"for_image": sorted(for_image), "in_all": len(plan.to_compile())})


def record(package, counter):
    """In place of another version in the same slot."""
    for cpv in list(packages.installed(ROOT)):
        slot = packages.record(ROOT, cpv, "SLOT").partition("/")[0]
        if match_from_list(package.cp, [cpv]) and slot == package.slot:
            shutil.rmtree(folder(ROOT, cpv))
    if same_as_last(package):
        shutil.copytree(folder(LAST, package.cpv), folder(ROOT, package.cpv))
    else:
        describe(package)
    put(package, "COUNTER", str(counter))


def same_as_last(package):
    """Its own record has the files and the slots it was built with, which the keys of others count in."""
    use = packages.record(LAST, package.cpv, "USE").split()
    return os.path.isdir(folder(LAST, package.cpv)) and package.use.enabled == frozenset(use)


def describe(package):
    os.makedirs(folder(ROOT, package.cpv))
    for name, value in package._metadata.items():
        if value and name not in NO_RECORD:
            put(package, name, value)
    category, pf = package.cpv.split("/")
    own = {"CATEGORY": category, "PF": pf, "USE": " ".join(sorted(package.use.enabled)), "repository": package.repo}
    for name, value in {**own, "CONTENTS": ""}.items():
        put(package, name, value)


def put(package, name, value):
    with open(os.path.join(folder(ROOT, package.cpv), name), "w") as file:
        file.write(f"{value}\n" if value else "")


def folder(root, cpv):
    return os.path.join(root, packages.VDB, cpv)


def uninstall():
    with open("/bb/outdated/uninstalled") as file:
        atoms = file.read().split()
    for cpv in list(packages.installed(ROOT)):
        if any(match_from_list(atom, [cpv]) for atom in atoms):
            shutil.rmtree(folder(ROOT, cpv))


def write(name, value):
    with open(os.path.join(OUT, name), "w") as file:
        json.dump(value, file, indent=1)


main(*sys.argv[1:])
