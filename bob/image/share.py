"""Files in folders that others use at the same time."""

import os
import time

DAY = 86400


def files(folder):
    """(seconds since last use, size, path) of each file; another builder may remove them meanwhile."""
    now = time.time()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                info = os.stat(path)
            except FileNotFoundError:
                continue
            yield now - info.st_mtime, info.st_size, path


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
