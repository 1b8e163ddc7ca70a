"""The cache of binary packages: files named by key, none of them stale.

A folder that all builders can read and none can write: `bb` takes new packages out of a box and puts them in, each with
a note of its digest. One without a note, or with that of another file, is not there. The time of the note is when the
package was used last.

Knows nothing of Portage, nor of how keys are made.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gentoo_bob import share
from gentoo_bob.keys import own_key
from gentoo_bob.places import PACKAGES, SOURCES
from gentoo_bob.share import DAY, Used

NOTE = ".sha256"
# What there is room for.
DAYS = 180
BYTES = 10240 * 1024 * 1024
# Another builder may just have found a younger one.
YOUNG = 3600


@dataclass(frozen=True)
class Note:
    """Of a package that is there."""

    used: int  # seconds since 1970
    digest: str


def name(cpv: str, key: str, code: str) -> str:
    """Below the cache's folder."""
    category, _, pf = cpv.partition("/")
    return os.path.join(category, f"{pf}-{own_key(key, code)}.gpkg.tar")


def path(cpv: str, key: str, code: str) -> str:
    return os.path.join(PACKAGES, name(cpv, key, code))


def noted(path: str) -> Note | None:
    """Nothing if it is not there, or another one than its note says."""
    try:
        with open(path, "rb") as file, open(path + NOTE) as note:
            sha256 = note.read().strip()
            same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
            return Note(int(os.fstat(note.fileno()).st_mtime), sha256) if same else None
    except FileNotFoundError:
        return None


def prune() -> None:
    """Old entries go, then the longest unused ones until the rest is small enough. Runs in a box of its own, which
    may write."""
    for path in superfluous(entries(PACKAGES), DAYS * DAY, BYTES):
        drop(path)


def superfluous(found: Iterable[Used], seconds: float, room: float) -> Iterator[str]:
    for entry in sorted(found):
        room -= entry.size
        if entry.seconds > YOUNG and (entry.seconds > seconds or room < 0):
            yield entry.path


def entries(folder: str) -> list[Used]:
    """Each package with its note, or either alone, under the package's name."""
    found: dict[str, Used] = {}
    for file in share.files(folder):
        path = file.path.removesuffix(NOTE)
        before = found.get(path, Used(file.seconds, 0, path))
        found[path] = Used(min(file.seconds, before.seconds), file.size + before.size, path)
    return list(found.values())


def unused(days: float, remove: bool) -> None:
    """A line for each package that nobody has used for so long and for each source that came before that: size and
    path."""
    for entry in sorted([*entries(PACKAGES), *share.files(SOURCES)], key=lambda entry: entry.path):
        if entry.seconds > days * DAY:
            print(entry.size, entry.path)
            if remove:
                drop(entry.path)


def drop(path: str) -> None:
    share.remove(path)
    share.remove(path + NOTE)
