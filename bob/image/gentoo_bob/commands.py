"""The commands of build-root and of `bb`: names, arguments, what they print. The work is in the other modules.

Those that need Portage are imported by the commands that do.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gentoo_bob import cache
from gentoo_bob.job import Job
from gentoo_bob.pack import Before, pack
from gentoo_bob.places import IMAGE_ROOT, PARENT, PORTAGE_SETTINGS
from gentoo_bob.plan import Plan
from gentoo_bob.tree import Entry, entry

# What emerge loads before it has merged a package. Portage puts much of it off until it is needed.
OFTEN = (
    "gentoo_bob.emerge",
    "gentoo_bob.resolve",
    "_emerge.Scheduler",
    "portage.dbapi.vartree",
    "portage.emaint.main",
    "portage.gpkg",
    "portage.glsa",
    "portage.news",
)


def main(words: Sequence[str]) -> None:
    command, *arguments = words
    COMMANDS[command](*arguments)


def check() -> None:
    """Whether there is what the settings name."""
    from gentoo_bob import checked
    from gentoo_bob.known import InTree

    found = checked.faults(PORTAGE_SETTINGS, InTree())
    for message in found.warnings:
        print(f"bob: warning: {message}")
    fail(found.errors, "")


def fail(messages: Sequence[str], hint: str) -> None:
    """Ends the program, if there is any."""
    if messages:
        sys.exit("\n".join([*(f"error: {message}" for message in messages), *([f"hint: {hint}"] if hint else [])]))


def libraries(*but: str) -> None:
    """Whether ROOT has the libraries that its programs need. `but` are sonames that come from elsewhere."""
    from gentoo_bob import libraries as needed

    hint = "what brings it is to be in PACKAGES; REQUIRES_EXCLUDE names what comes into the image from elsewhere"
    fail(needed.missing(IMAGE_ROOT, but), hint)


def plan(out: str, aligned_file: str, *atoms: str) -> None:
    """Says what the image needs, under which keys, of which sources, and what the builder must have in the same
    version; puts the binary packages that fit into PKGDIR. Where settings name what is not there, it ends before."""
    from gentoo_bob import distfiles, jobserver, pkgdir, planner

    check()
    job = job_of_environment()
    found = planner.make_plan(atoms, job)
    pkgdir.fill(found.plan, job.code)
    to_compile = found.to_compile(job)
    wanted = distfiles.of_packages(found.packages[p.cpv] for p in to_compile)
    distfiles.link(wanted.values())
    sources = distfiles.as_json(wanted)
    write_words(aligned_file, [f"={cpv}" for cpv in found.aligned.wanted])
    told = {"sources": sources, "compile": len(to_compile), "jobserver": jobserver.is_usable(job)}
    write_json(out, {**found.plan.as_json(), **told})
    missing = sum(not source["there"] for source in sources)
    print(f">>> {len(found.packages)} packages, {len(to_compile)} to compile, {missing} files to fetch")


def missing(plan_file: str, out: str) -> None:
    """Writes what the image needs and no binary package fits."""
    from gentoo_bob import pkgdir

    write_words(out, [f"={p.cpv}" for p in pkgdir.missing(read_plan(plan_file))])


def accounts(plan_file: str, out: str) -> None:
    """Writes the packages for the image that are nothing but a user or a group."""
    image = (p.cpv for p in read_plan(plan_file).packages if p.image)
    write_words(out, [f"={cpv}" for cpv in image if cpv.startswith(("acct-user/", "acct-group/"))])


def collect(plan_file: str, out: str) -> None:
    """Puts what this run has compiled where it is taken from."""
    from gentoo_bob import pkgdir

    pkgdir.collect(read_plan(plan_file), job_of_environment().code, out)


def emerge(*words: str) -> None:
    """As emerge itself, but for what `emerge` says."""
    from gentoo_bob import emerge as portages

    sys.exit(portages.run(words))


def remember(before_file: str) -> None:
    """What is in ROOT before anything is merged."""
    Before.of(IMAGE_ROOT).write(before_file)


def apply(before_file: str) -> None:
    """Makes the users and the folders that this image's packages ask for, as it would be done while a machine boots."""
    from gentoo_bob import sysusers, tmpfiles
    from gentoo_bob.conf_d import Refused

    before = Before.read(before_file).tree
    try:
        messages = sysusers.apply(IMAGE_ROOT, new_in("sysusers.d", before))
        messages += tmpfiles.apply(IMAGE_ROOT, new_in("tmpfiles.d", before))
    except Refused as refused:
        sys.exit(f"error: {refused}")
    for message in messages:
        print(f"bob: warning: {message}")


def new_in(folder: str, before: Mapping[str, Entry]) -> list[str]:
    """Files of such a folder that are not the parent's."""
    found = []
    for place in (f"usr/lib/{folder}", f"etc/{folder}"):
        names = os.listdir(f"{IMAGE_ROOT}/{place}") if os.path.isdir(f"{IMAGE_ROOT}/{place}") else []
        paths = (f"{place}/{name}" for name in sorted(names) if name.endswith(".conf"))
        found += [path for path in paths if before.get(path) != entry(f"{IMAGE_ROOT}/{path}")]
    return found


def finish(before_file: str, out: str) -> None:
    """All that the step leaves."""
    from gentoo_bob import packages, sysroot

    job = job_of_environment()
    before = Before.read(before_file)
    pack(IMAGE_ROOT, before, job.keep, job.epoch, out)
    listed = packages.of_root(IMAGE_ROOT, job.name, packages.of_parent(PARENT), before.counters)
    packages.write(listed, out)
    sysroot.write(IMAGE_ROOT, out)


def serve(answers: str) -> None:
    """Runs what standard input asks for, with Portage loaded already."""
    from gentoo_bob import server

    for module in OFTEN:
        importlib.import_module(module)
    server.serve(sys.stdin.buffer, int(answers), main)


def unused(days: str, *what: str) -> None:
    """What nobody has used for so long. With `remove`, it goes."""
    cache.unused(float(days), "remove" in what)


COMMANDS: dict[str, Callable[..., None]] = {
    "libraries": libraries,
    "plan": plan,
    "missing": missing,
    "accounts": accounts,
    "collect": collect,
    "emerge": emerge,
    "remember": remember,
    "apply": apply,
    "pack": finish,
    "serve": serve,
    "prune": cache.prune,
    "unused": unused,
}


def job_of_environment() -> Job:
    return Job.from_environment(os.environ)


def read_plan(path: str) -> Plan:
    with open(path) as file:
        return Plan.from_json(json.load(file))


def write_words(path: str, words: Sequence[str]) -> None:
    with open(path, "w") as file:
        file.write(" ".join(words))


def write_json(path: str, value: dict[str, Any]) -> None:
    """Whole or not at all."""
    with open(path + ".new", "w") as file:
        file.write(json.dumps(value, indent=1))
    os.rename(path + ".new", path)
