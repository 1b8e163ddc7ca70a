"""The parts of build-root that need Portage's own knowledge. One command per call; see build-root.

The work is in the modules beside this file; here are only the commands' names and arguments.
"""

import json
import os
import sys

import binpkgs
import distfiles
import pack


def plan(out, *atoms):
    """Says what the image needs, under which keys, of which sources; puts the binary packages that fit into PKGDIR."""
    found = binpkgs.make_plan(atoms)
    binpkgs.fill_view(found)
    sources = distfiles.of_packages(found.to_compile())
    distfiles.link(sources)
    told = {**found.as_json(), "sources": distfiles.as_json(sources), "compile": len(found.to_compile())}
    write(out, json.dumps(told, indent=1))
    missing = sum(not source["there"] for source in told["sources"])
    print(f">>> {len(found.packages)} packages, {told['compile']} to compile, {missing} files to fetch")


def missing(plan_file):
    """Prints what the image needs and no binary package fits."""
    print(" ".join(f"={p['cpv']}" for p in binpkgs.missing(read(plan_file))))


def collect(plan_file, out):
    """Puts what this run has compiled where it is taken from."""
    binpkgs.collect(read(plan_file), out)


def read(path):
    with open(path) as file:
        return json.load(file)


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


COMMANDS = {
    "plan": plan,
    "missing": missing,
    "collect": collect,
    "prune": binpkgs.prune,
    "unused": binpkgs.unused,
    "remember": pack.remember,
    "pack": pack.pack,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
