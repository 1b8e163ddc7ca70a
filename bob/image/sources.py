"""What an installed package was made of, by the ebuild repository in the builder. Fetches nothing."""

import os
from urllib.parse import quote

import portage

HASHES = ("BLAKE2B", "SHA512")


def of_installed(cpv, use, repository):
    """The archives that its SRC_URI names with these USE flags, with what its Manifest says of them. Empty
    for what the repository does not know, e.g. a package that a hook has put together."""
    db = portage.db[portage.root]["porttree"].dbapi
    tree = db.getRepositoryPath(repository)
    ebuild = db.findname(cpv, mytree=tree) if tree else None
    if not ebuild:
        return []
    digests = db.repositories[repository].load_manifest(os.path.dirname(ebuild), None).getTypeDigests("DIST")
    names = sorted(db.getFetchMap(cpv, useflags=use, mytree=tree))
    return [describe(name, digests[name]) for name in names if name in digests]


def describe(name, digests):
    hashes = {kind.lower(): digests[kind] for kind in HASHES if kind in digests}
    return {"name": name, "size": int(digests["size"]), **hashes}


def purl(category, name, version, slot, repository):
    """Package URL. Its type `ebuild` is reserved, and what may follow a `?` is not said yet."""
    qualifiers = {"repository": repository, "slot": slot.partition("/")[0]}
    words = [f"{key}={escape(value)}" for key, value in sorted(qualifiers.items()) if value]
    return f"pkg:ebuild/{escape(category)}/{escape(name)}@{escape(version)}" + ("?" if words else "") + "&".join(words)


def escape(text):
    return quote(text, safe=":-._~")
