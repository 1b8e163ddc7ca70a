"""A digest of a ROOT without what is of one build only; README.md says why each is here."""

import hashlib
import os
import re
from collections.abc import Mapping

from gentoo_bob.records import VDB, open_record
from gentoo_bob.tree import Entry

UNSTABLE = frozenset("BINPKGMD5 BUILD_ID BUILD_TIME COUNTER FEATURES REPO_REVISIONS environment.bz2 metadata".split())
# Likewise, outside of the VDB. Where ROOT has an ldconfig, Portage runs it: it notes times and inodes for itself.
UNSTABLE_PATHS = re.compile(r"var/cache/(edb|ldconfig)(/.*)?|var/log/(emerge\.log|portage(/.*)?)")


def fingerprint(root: str, tree: Mapping[str, Entry]) -> str:
    """SHA-256 over everything that a child could notice."""
    whole = hashlib.sha256()
    for path, entry in sorted(tree.items()):
        if not is_unstable(path):
            data = stable_contents(root, path) if is_contents(path) else entry.data
            whole.update(repr((path, *entry._replace(data=data))).encode(errors="surrogateescape"))
    return whole.hexdigest()


def is_unstable(path: str) -> bool:
    in_vdb = path.startswith(VDB + "/") and os.path.basename(path) in UNSTABLE
    return in_vdb or UNSTABLE_PATHS.fullmatch(path) is not None


def is_contents(path: str) -> bool:
    return path.startswith(VDB + "/") and path.endswith("/CONTENTS")


def stable_contents(root: str, path: str) -> str:
    """Without the file times, which are of the day of the build, and in order."""
    with open_record(os.path.join(root, path)) as file:
        lines = [re.sub(r" \d+$", "", line.rstrip("\n")) for line in file]
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()
