"""What an installed package was made of, by the ebuild repository in the builder. Fetches nothing."""

import os
from collections.abc import Set

import portage

from gentoo_bob import manifests
from gentoo_bob.manifests import Described


def of_installed(cpv: str, use: Set[str], repository: str) -> list[Described]:
    """The archives that its SRC_URI names with these USE flags, with what its Manifest says of them. Empty
    for what the repository does not know, e.g. a package that a hook has put together."""
    db = portage.db[portage.root]["porttree"].dbapi
    tree = db.getRepositoryPath(repository)
    if not tree or not (ebuild := db.findname(cpv, mytree=tree)):
        return []
    digests = db.repositories[repository].load_manifest(os.path.dirname(ebuild), None).getTypeDigests("DIST")
    names = sorted(db.getFetchMap(cpv, useflags=use, mytree=tree))
    return [manifests.describe(name, digests[name]) for name in names if name in digests]
