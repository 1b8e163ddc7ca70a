"""What an image needs, with the key of each package: asked of Portage, looked up in the cache."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from _emerge.Package import Package

from gentoo_bob import aligned, cache, ingredients, resolve
from gentoo_bob.aligned import Aligned
from gentoo_bob.job import Job
from gentoo_bob.places import IMAGE_ROOT
from gentoo_bob.plan import Plan, Planned, unique


@dataclass(frozen=True)
class Found:
    """A plan, and Portage's own packages in it by their cpv."""

    plan: Plan
    packages: dict[str, Package]
    aligned: Aligned

    def to_compile(self, job: Job) -> list[Planned]:
        missing = {p.cpv for p in self.plan.missing()}
        for_builder = bool(job.build_packages) or not missing.isdisjoint(self.aligned.to_merge)
        return self.plan.to_compile(for_builder)


def make_plan(atoms: Sequence[str], job: Job) -> Found:
    every = resolve.everything(atoms, job.build_packages.split())
    if message := aligned.older_libc(every):
        sys.exit(f"error: {message}\nhint: a snapshot of the stage3's week or later has that version: `bb update`")
    first = aligned.aligned(every)
    every = aligned.still_needed(every, first.with_them, job.build_packages.split())
    packages = unique(every)
    in_builder = {*first.wanted, *(str(p.cpv) for p in every if p.root == "/")}
    keys = ingredients.keys_of(packages, in_builder, job.stage3)
    plan = Plan([planned(p, keys[str(p.cpv)], job.code) for p in packages])
    return Found(plan, {str(p.cpv): p for p in packages}, first)


def planned(package: Package, key: str, code: str) -> Planned:
    cpv = str(package.cpv)
    note = cache.noted(cache.path(cpv, key, code))
    return Planned(
        cpv=cpv,
        key=key,
        used=note.used if note else None,
        digest=note.digest if note else None,
        image=package.root == IMAGE_ROOT + "/",
        use=sorted(package.use.enabled),
    )
