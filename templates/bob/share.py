"""Files in folders that several builders use at the same time: never half, never changed."""

import os
import shutil
import tempfile
import time

UNFINISHED = ".unfinished-"
DAY = 86400


def put(source, target):
    """Copies to target (another file system), which appears whole or not at all."""
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=UNFINISHED, delete=False) as copy, open(source, "rb") as file:
        shutil.copyfileobj(file, copy)
    os.chmod(copy.name, 0o644)
    os.rename(copy.name, target)


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


def sweep(folder):
    """What builders that were killed left behind."""
    for age, _, path in files(folder):
        if age > DAY and os.path.basename(path).startswith(UNFINISHED):
            remove(path)
