"""The parts of build-root that need Portage's own knowledge. One command per call; see build-root.

The work is in the modules beside this file; here are only the commands' names and arguments.
"""

import json
import os
import sys

import binpkgs
import distfiles
import pack
import resolve

DISTDIR = "/distfiles"
INCOMING = "/bb/incoming"


def fetch_list(out, *atoms):
    """Writes one line for every distfile that the coming build needs and /distfiles lacks."""
    plan = binpkgs.make_plan(atoms)
    wanted = distfiles.of_packages(plan.to_compile())
    lines = [" ".join([name, *wanted[name].uris]) for name in sorted(distfiles.missing(wanted, DISTDIR))]
    write(out, "".join(line + "\n" for line in lines))
    print(f">>> {len(plan.packages)} packages, {len(plan.to_compile())} to compile, {len(lines)} files to fetch")


def take_incoming(*atoms):
    """Moves what was downloaded to /distfiles, if it is what the ebuilds' Manifests say."""
    if os.listdir(INCOMING):
        wanted = distfiles.of_packages(resolve.everything(atoms))
        distfiles.take(wanted, INCOMING, DISTDIR)


def open_cache(plan_file, *atoms):
    """Puts the binary packages that fit into PKGDIR, and notes for fill_cache what the others' keys are."""
    plan = binpkgs.make_plan(atoms)
    binpkgs.fill_view(plan)
    write(plan_file, json.dumps(plan.as_json(), indent=1))


def compiled(plan_file):
    """Prints what the image needs and no binary package fits."""
    with open(plan_file) as file:
        print(" ".join(json.load(file)["compile_for_image"]))


def fill_cache(plan_file):
    """Keeps the binary packages that this run made, and drops old ones."""
    with open(plan_file) as file:
        binpkgs.keep_new(json.load(file))
    binpkgs.prune()


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


COMMANDS = {
    "fetch-list": fetch_list,
    "take-incoming": take_incoming,
    "open-cache": open_cache,
    "compiled": compiled,
    "fill-cache": fill_cache,
    "remember": pack.remember,
    "pack": pack.pack,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
