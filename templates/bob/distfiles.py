"""The source archives that packages need: names, addresses, digests. Fetches nothing itself."""

import os
import sys
from typing import NamedTuple

from portage.checksum import verify_all
from portage.exception import PortageException

import resolve
import share


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


def missing(wanted, folder):
    """Those that are not there, or not in their whole length. Hashes are Portage's to check, each time."""
    return [name for name, file in wanted.items() if size(os.path.join(folder, name)) != file.digests["size"]]


def size(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def take(wanted, incoming, folder):
    """From incoming to folder, which other builders use at the same time: never a half or a wrong file."""
    for name in sorted(os.listdir(incoming)):
        source = os.path.join(incoming, name)
        if name not in wanted:
            print(f"warning: nothing needs the file {name}, ignored", file=sys.stderr)
            continue
        check(source, name, wanted[name].digests)
        share.put(source, os.path.join(folder, name))
        os.unlink(source)
    share.sweep(folder)


def check(path, name, digests):
    try:
        ok, reason = verify_all(path, digests)
    except PortageException as error:
        ok, reason = False, [str(error)]
    if not ok:
        details = ", ".join(map(str, reason[1:]))
        sys.exit(f"error: {name} is not the file its Manifest describes: {reason[0]}: {details}")
