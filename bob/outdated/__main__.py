"""What a rootfs step would install, asked of Portage's resolver. Writes Portage's records of it into ROOT, as if it
had been merged, so that the lists and the children see what they would see. Compiles and fetches nothing."""

import json
import os
import shutil
import sys

from _emerge.Package import Package
from portage.dep import match_from_list

sys.path.append("/usr/lib/bob")
from gentoo_bob import packages, planner, records
from gentoo_bob.job import Job
from gentoo_bob.places import IMAGE_ROOT as ROOT
from gentoo_bob.places import PARENT

LAST = "/bb/last"
OUT = "/bb/out"
UNINSTALLED = "/bb/outdated/uninstalled"
# Of the resolver's own making, or written below.
NO_RECORD = frozenset("COUNTER USE repository _mtime_ MD5 SIZE BUILD_ID BUILD_TIME".split())


def main(*atoms: str) -> None:
    job = Job.from_environment(os.environ)
    before = records.counters(ROOT)
    found = planner.make_plan(atoms, job)
    merged = [found.packages[p.cpv] for p in found.plan.packages if p.image]
    for number, package in enumerate(merged, 1 + max(map(int, before.values()), default=0)):
        merge(package, number)
    uninstall()
    listed = packages.of_root(ROOT, job.name, packages.of_parent(PARENT), before)
    write(packages.LIST, packages.as_json(listed))
    for_image = sorted(p.cpv for p in found.plan.compile_for_image())
    in_all = len(found.to_compile(job))
    write("compiled.json", {"for_image": for_image, "in_all": in_all})


def merge(package: Package, counter: int) -> None:
    """In place of another version in the same slot."""
    for cpv in list(records.installed(ROOT)):
        slot = records.record(ROOT, cpv, "SLOT").partition("/")[0]
        if match_from_list(package.cp, [cpv]) and slot == package.slot:
            shutil.rmtree(folder(ROOT, cpv))
    if is_as_last(package):
        shutil.copytree(folder(LAST, package.cpv), folder(ROOT, package.cpv))
    else:
        describe(package)
    put(package, "COUNTER", str(counter))


def is_as_last(package: Package) -> bool:
    """Its own record has the files and the slots it was built with, which the keys of others count in."""
    use = records.record(LAST, package.cpv, "USE").split()
    return os.path.isdir(folder(LAST, package.cpv)) and package.use.enabled == frozenset(use)


def describe(package: Package) -> None:
    os.makedirs(folder(ROOT, package.cpv))
    for name, value in package._metadata.items():
        if value and name not in NO_RECORD:
            put(package, name, value)
    category, pf = package.cpv.split("/")
    own = {"CATEGORY": category, "PF": pf, "USE": " ".join(sorted(package.use.enabled)), "repository": package.repo}
    for name, value in {**own, "CONTENTS": ""}.items():
        put(package, name, value)


def put(package: Package, name: str, value: str) -> None:
    with open(os.path.join(folder(ROOT, package.cpv), name), "w") as file:
        file.write(f"{value}\n" if value else "")


def folder(root: str, cpv: str) -> str:
    return os.path.join(root, records.VDB, cpv)


def uninstall() -> None:
    with open(UNINSTALLED) as file:
        atoms = file.read().split()
    for cpv in list(records.installed(ROOT)):
        if any(match_from_list(atom, [cpv]) for atom in atoms):
            shutil.rmtree(folder(ROOT, cpv))


def write(name: str, value: object) -> None:
    with open(os.path.join(OUT, name), "w") as file:
        json.dump(value, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
