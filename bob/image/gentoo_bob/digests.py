"""Digests of texts, files and folders, as keys of packages have them."""

import hashlib
import os


def digest(*parts: str | bytes) -> str:
    """Each part with its length, so that no two lists of parts look alike."""
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        whole.update(b"%d:" % len(data) + data)
    return whole.hexdigest()


def file_digest(path: str) -> str:
    return digest(read(path))


def tree_lines(path: str) -> list[str]:
    """A line for each file: of a file by its own path, of what is in a folder by the path there. None, if there is
    nothing."""
    if os.path.isfile(path):
        return [f"{path} {file_digest(path)}"]
    found: list[str] = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        below = sorted(os.path.join(folder, name) for name in files)
        found += [f"{os.path.relpath(file, path)} {file_digest(file)}" for file in below]
    return found


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
