"""Files in folders that others use at the same time."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

DAY = 86400


@dataclass(frozen=True, order=True)
class Used:
    """A file, and how long nobody has used it. The order is by that."""

    seconds: float
    size: int
    path: str


def files(folder: str) -> Iterator[Used]:
    """Another builder may remove them meanwhile."""
    now = time.time()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                info = os.stat(path)
            except FileNotFoundError:
                continue
            yield Used(now - info.st_mtime, info.st_size, path)


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
