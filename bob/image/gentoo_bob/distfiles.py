"""The source archives that packages need: names, addresses, digests. Fetches nothing itself."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from _emerge.Package import Package
from portage.checksum import verify_all
from portage.exception import PortageException

from gentoo_bob import addresses, manifests, resolve, share
from gentoo_bob.manifests import Described, Digests
from gentoo_bob.places import DISTDIR, SOURCES


@dataclass(frozen=True)
class Distfile:
    """An archive as its Manifest lists it."""

    name: str
    uris: list[str]
    digests: Digests

    def cache_path(self) -> str:
        """A file of the same name with another content is another file."""
        digest = manifests.best_hash(self.digests)
        if digest is None:
            sys.exit(f"error: the Manifest has neither {' nor '.join(manifests.HASHES)} of {self.name}")
        return os.path.join(SOURCES, digest, self.name)


def of_packages(packages: Iterable[Package]) -> dict[str, Distfile]:
    """By name, those that their USE flags ask for."""
    found: dict[str, Distfile] = {}
    for package in packages:
        digests = manifest(package)
        mirrors = package.root_config.settings.thirdpartymirrors()
        for name, uris in fetch_map(package).items():
            if name not in digests:
                sys.exit(f"error: {package.cpv} needs {name}, which its Manifest does not list")
            found[name] = Distfile(name, addresses.plain(uris, mirrors), digests[name])
    return found


def fetch_map(package: Package) -> Mapping[str, Iterable[str]]:
    db = resolve.portdb(package)
    tree = db.repositories.get_location_for_name(package.repo)
    return db.getFetchMap(package.cpv, useflags=package.use.enabled, mytree=tree)


def manifest(package: Package) -> Mapping[str, Digests]:
    repository = resolve.portdb(package).repositories[package.repo]
    folder = os.path.dirname(resolve.ebuild(package))
    return repository.load_manifest(folder, None).getTypeDigests("DIST")


def link(wanted: Iterable[Distfile]) -> None:
    """Portage's own folder gets a link to each: what is in the cache is looked up by its digest, and checked by
    Portage as any other. One that is still to come has a link to nothing."""
    os.makedirs(DISTDIR, exist_ok=True)
    for file in wanted:
        path = os.path.join(DISTDIR, file.name)
        share.remove(path)
        os.symlink(file.cache_path(), path)


def as_json(wanted: Mapping[str, Distfile]) -> list[Described]:
    return [describe(file) for _, file in sorted(wanted.items())]


def describe(file: Distfile) -> Described:
    described = manifests.describe(file.name, file.digests)
    return {**described, "uris": addresses.web(file.uris), "there": is_whole(file.cache_path(), file.digests)}


def is_whole(path: str, digests: Digests) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        return verify_all(path, digests)[0]
    except PortageException:
        return False
