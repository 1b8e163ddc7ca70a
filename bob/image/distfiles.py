"""The source archives that packages need: names, addresses, digests. Fetches nothing itself."""

import os
import sys
from typing import NamedTuple

from portage.checksum import verify_all
from portage.exception import PortageException

import resolve
import share

CACHE = "/distfiles"
DISTDIR = "/var/cache/distfiles"
HASHES = ("BLAKE2B", "SHA512")


class Distfile(NamedTuple):
    uris: list
    digests: dict  # as in the Manifest: size and hashes


def of_packages(packages):
    """name → Distfile, for those that their USE flags ask for."""
    found = {}
    for package in packages:
        digests = manifest(package)
        for name, uris in fetch_map(package).items():
            if name not in digests:
                sys.exit(f"error: {package.cpv} needs {name}, which its Manifest does not list")
            found[name] = Distfile(expand(package, uris), digests[name])
    return found


def fetch_map(package):
    db = resolve.portdb(package)
    return db.getFetchMap(package.cpv, useflags=package.use.enabled, mytree=tree(package))


def tree(package):
    return resolve.portdb(package).repositories.get_location_for_name(package.repo)


def manifest(package):
    db = resolve.portdb(package)
    ebuild = db.findname(package.cpv, myrepo=package.repo)
    repo = db.repositories[package.repo]
    return repo.load_manifest(os.path.dirname(ebuild), None).getTypeDigests("DIST")


def expand(package, uris):
    """Plain addresses: `mirror://gnu/x` becomes one per mirror. A bare file name has none, it is on
    Gentoo's mirrors only."""
    mirrors = package.root_config.settings.thirdpartymirrors()
    plain = []
    for uri in uris:
        uri = uri.removeprefix("mirror+").removeprefix("fetch+")
        if uri.startswith("mirror://"):
            name, _, path = uri.removeprefix("mirror://").partition("/")
            plain += [f"{mirror.rstrip('/')}/{path}" for mirror in mirrors.get(name, [])]
        elif "://" in uri:
            plain.append(uri)
    return plain


def link(wanted):
    """Portage's own folder gets a link to each: what is in the cache is looked up by its digest, and checked by
    Portage as any other. One that is still to come has a link to nothing."""
    os.makedirs(DISTDIR, exist_ok=True)
    for name, file in wanted.items():
        path = os.path.join(DISTDIR, name)
        share.remove(path)
        os.symlink(cache_path(name, file), path)


def cache_path(name, file):
    """A file of the same name with another content is another file."""
    for kind in HASHES:
        if kind in file.digests:
            return os.path.join(CACHE, file.digests[kind].lower(), name)
    sys.exit(f"error: the Manifest has neither {' nor '.join(HASHES)} of {name}")


def as_json(wanted):
    return [describe(name, wanted[name]) for name in sorted(wanted)]


def describe(name, file):
    hashes = {kind.lower(): file.digests[kind] for kind in HASHES if kind in file.digests}
    web = [uri for uri in file.uris if uri.startswith(("https://", "http://"))]
    there = whole(cache_path(name, file), file.digests)
    return {"name": name, "size": int(file.digests["size"]), **hashes, "uris": web, "there": there}


def whole(path, digests):
    if not os.path.isfile(path):
        return False
    try:
        return verify_all(path, digests)[0]
    except PortageException:
        return False
