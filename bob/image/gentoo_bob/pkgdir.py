"""Portage's own folder of binary packages: filled with just those that fit, so that emerge may use whatever it finds
there."""

import os
import re
import shutil
import sys

import portage
from portage.versions import catpkgsplit

from gentoo_bob import cache, share
from gentoo_bob.places import PKGDIR
from gentoo_bob.plan import Plan, Planned


def fill(plan: Plan, code: str) -> None:
    """Copies, since the cache is another file system, and Portage passes over links."""
    shutil.rmtree(PKGDIR, ignore_errors=True)
    os.makedirs(PKGDIR)
    cached = plan.cached()
    for package in cached:
        folder = folder_of(package.cpv)
        os.makedirs(folder, exist_ok=True)
        _, _, pf = package.cpv.partition("/")
        shutil.copyfile(cache.path(package.cpv, package.key, code), os.path.join(folder, f"{pf}-1.gpkg.tar"))
    # Writes the index, which emerge updates when it has built one.
    portage.db["/"]["bintree"].populate()
    print(f">>> binary packages: {len(cached)} fit, {len(plan.missing())} do not exist yet")


def missing(plan: Plan) -> list[Planned]:
    """What the image needs and is not there."""
    return [p for p in plan.packages if p.image and not has(p.cpv)]


def has(cpv: str) -> bool:
    folder = folder_of(cpv)
    _, _, pf = cpv.partition("/")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return any(re.fullmatch(re.escape(pf) + r"-\d+\.gpkg\.tar", name) for name in names)


def folder_of(cpv: str) -> str:
    category, name, _, _ = catpkgsplit(cpv)
    return os.path.join(PKGDIR, category, name)


def collect(plan: Plan, code: str, out: str) -> None:
    """Links to what emerge has built since `fill`, under the names that the cache has for it."""
    os.makedirs(out, exist_ok=True)
    new = {p.cpv: p for p in plan.packages if not p.is_cached}
    bintree = portage.db[portage.root]["bintree"]
    bintree.populate()
    for cpv in bintree.dbapi.cpv_all():
        if (package := new.get(str(cpv))) is None:
            continue
        if sorted(bintree.dbapi.aux_get(cpv, ["USE"])[0].split()) != package.use:
            print(f"bob: warning: {cpv} was built with other USE flags than planned, not kept", file=sys.stderr)
            continue
        target = os.path.join(out, cache.name(package.cpv, package.key, code))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        share.remove(target)
        os.link(bintree.getname(cpv), target)
