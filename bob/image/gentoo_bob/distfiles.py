"""The source archives that packages need: names, addresses, digests. Fetches nothing itself."""

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from _emerge.Package import Package
from portage.checksum import verify_all
from portage.dep import use_reduce
from portage.exception import PortageException
from portage.package.ebuild._spawn_nofetch import spawn_nofetch
from portage.package.ebuild.config import config as Config

from gentoo_bob import addresses, byhand, manifests, resolve, share
from gentoo_bob.manifests import Described, Digests
from gentoo_bob.places import DISTDIR, SOURCES


@dataclass(frozen=True)
class Distfile:
    """An archive as its Manifest lists it."""

    name: str
    uris: list[str]
    digests: Digests
    restricted: bool = False  # Gentoo's mirrors may not be asked
    by_hand: Package | None = None  # whose ebuild tells how the user gets it, if nobody else may

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
        restrict = restrictions(package)
        for name, uris in fetch_map(package).items():
            if name not in digests:
                sys.exit(f"error: {package.cpv} needs {name}, which its Manifest does not list")
            left = addresses.allowed(uris, mirrors, restrict)
            by_hand = package if left.by_hand else None
            found[name] = Distfile(name, left.uris, digests[name], not left.mirrors, by_hand)
    return found


def restrictions(package: Package) -> set[str]:
    """RESTRICT, as far as the package's USE flags ask for it."""
    text = package._metadata.get("RESTRICT") or ""
    return {str(word) for word in use_reduce(text, uselist=package.use.enabled, flat=True, eapi=package.eapi)}


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
    there = is_whole(file.cache_path(), file.digests)
    described = {**described, "uris": addresses.web(file.uris), "there": there}
    if file.restricted:
        described["restricted"] = True
    if file.by_hand and not there:
        described["nofetch"] = nofetch(file.by_hand)
    return described


def nofetch(package: Package) -> str:
    """What the ebuild tells somebody who has to fetch its archives. Without any words, the file is still named."""
    settings = Config(clone=package.root_config.settings)
    # Else Portage repeats it at its end, as of a package that was merged.
    settings["PORTAGE_ELOG_SYSTEM"] = ""
    settings.backup_changes("PORTAGE_ELOG_SYSTEM")
    settings.setcpv(package)
    with open(os.devnull) as nothing, tempfile.TemporaryFile() as said:
        pipes = {0: nothing.fileno(), 1: said.fileno(), 2: said.fileno()}
        try:
            spawn_nofetch(resolve.portdb(package), resolve.ebuild(package), settings=settings, fd_pipes=pipes)
        except PortageException as error:
            print(f"warning: pkg_nofetch of {package.cpv}: {error}", file=sys.stderr)
        said.seek(0)
        return byhand.words(said.read(byhand.LONGEST_SAID))


def is_whole(path: str, digests: Digests) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        return verify_all(path, digests)[0]
    except PortageException:
        return False
