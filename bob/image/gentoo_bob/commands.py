"""The commands of build-root and of `bb`: names, arguments, what they print. The work is in the other modules.

Those that need Portage are imported by the commands that do.
"""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from gentoo_bob import cache
from gentoo_bob.job import Job
from gentoo_bob.pack import Before, pack
from gentoo_bob.places import IMAGE_ROOT, PARENT
from gentoo_bob.plan import Plan


def main(words: Sequence[str]) -> None:
    command, *arguments = words
    COMMANDS[command](*arguments)


def plan(out: str, *atoms: str) -> None:
    """Says what the image needs, under which keys, of which sources; puts the binary packages that fit into PKGDIR."""
    from gentoo_bob import distfiles, pkgdir, planner

    job = job_of_environment()
    found = planner.make_plan(atoms, job)
    pkgdir.fill(found.plan, job.code)
    to_compile = found.plan.to_compile(bool(job.build_packages))
    wanted = distfiles.of_packages(found.packages[p.cpv] for p in to_compile)
    distfiles.link(wanted.values())
    sources = distfiles.as_json(wanted)
    write_json(out, {**found.plan.as_json(), "sources": sources, "compile": len(to_compile)})
    missing = sum(not source["there"] for source in sources)
    print(f">>> {len(found.packages)} packages, {len(to_compile)} to compile, {missing} files to fetch")


def missing(plan_file: str) -> None:
    """Prints what the image needs and no binary package fits."""
    from gentoo_bob import pkgdir

    print(" ".join(f"={p.cpv}" for p in pkgdir.missing(read_plan(plan_file))))


def collect(plan_file: str, out: str) -> None:
    """Puts what this run has compiled where it is taken from."""
    from gentoo_bob import pkgdir

    pkgdir.collect(read_plan(plan_file), job_of_environment().code, out)


def remember(before_file: str) -> None:
    """What is in ROOT before anything is merged."""
    Before.of(IMAGE_ROOT).write(before_file)


def finish(before_file: str, out: str) -> None:
    """All that the step leaves."""
    from gentoo_bob import packages, sysroot

    job = job_of_environment()
    before = Before.read(before_file)
    pack(IMAGE_ROOT, before, job.keep, job.epoch, out)
    listed = packages.of_root(IMAGE_ROOT, job.name, packages.of_parent(PARENT), before.counters)
    packages.write(listed, out)
    sysroot.write(IMAGE_ROOT, out)


def unused(days: str, *what: str) -> None:
    """What nobody has used for so long. With `remove`, it goes."""
    cache.unused(float(days), "remove" in what)


COMMANDS: dict[str, Callable[..., None]] = {
    "plan": plan,
    "missing": missing,
    "collect": collect,
    "remember": remember,
    "pack": finish,
    "prune": cache.prune,
    "unused": unused,
}


def job_of_environment() -> Job:
    return Job.from_environment(os.environ)


def read_plan(path: str) -> Plan:
    with open(path) as file:
        return Plan.from_json(json.load(file))


def write_json(path: str, value: dict[str, Any]) -> None:
    """Whole or not at all."""
    with open(path + ".new", "w") as file:
        file.write(json.dumps(value, indent=1))
    os.rename(path + ".new", path)
