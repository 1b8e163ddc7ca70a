"""Portage's records of a ROOT, read as files: which packages are there, and what it says of each. Needs no Portage."""

import os
from collections.abc import Iterator
from typing import TextIO

VDB = "var/db/pkg"


def installed(root: str) -> Iterator[str]:
    """category/name-version of everything in root's VDB."""
    vdb = os.path.join(root, VDB)
    for category in sorted(os.listdir(vdb)) if os.path.isdir(vdb) else []:
        for pf in sorted(os.listdir(os.path.join(vdb, category))):
            if not pf.startswith("-MERGING-"):
                yield f"{category}/{pf}"


def counters(root: str) -> dict[str, str]:
    """What Portage counts up with every merge: tells a package merged now from one that was there."""
    return {cpv: record(root, cpv, "COUNTER") for cpv in installed(root)}


def record(root: str, cpv: str, name: str) -> str:
    """Empty, if there is none."""
    try:
        with open_record(os.path.join(root, VDB, cpv, name)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def open_record(path: str) -> TextIO:
    """Only a line feed ends a line: names have what else might."""
    return open(path, newline="\n", encoding="utf-8", errors="surrogateescape")


def size(root: str, cpv: str) -> int:
    """Bytes of the files it has in ROOT, headers and manuals included."""
    total = 0
    for line in record(root, cpv, "CONTENTS").split("\n"):
        if line.startswith("obj "):
            path = root + line[4:].rsplit(" ", 2)[0]
            total += os.lstat(path).st_size if os.path.lexists(path) else 0
    return total
