"""The image's own part of the ROOT that emerge has left: rootfs.tar, and the lists beside it. Needs no Portage."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gentoo_bob import difference, layer, libraries, records, slim, tree
from gentoo_bob.difference import Tree
from gentoo_bob.slim import Keep
from gentoo_bob.tree import Entry

# The paths of the image so far, parents included. It travels in the sysroot: what an image holds also
# depends on the settings (KEEP_HEADERS) of each image of the chain.
IMAGE_PATHS = "var/lib/bob/image.paths"
# Lines by name, which a Dockerfile of a parent may have added to: the image step merges them.
ACCOUNTS = ("etc/group", "etc/gshadow", "etc/passwd", "etc/shadow")


@dataclass(frozen=True)
class Before:
    """What is in ROOT before anything is merged: the parent."""

    tree: dict[str, Entry]
    counters: dict[str, str]
    accounts: dict[str, bytes]

    @classmethod
    def of(cls, root: str) -> "Before":
        accounts = {path: text for path in ACCOUNTS if (text := small_file(root, path)) is not None}
        return cls(tree.scan(root), records.counters(root), accounts)

    def write(self, path: str) -> None:
        accounts = {name: text.hex() for name, text in self.accounts.items()}
        with open(path, "w") as file:
            json.dump({"tree": self.tree, "counters": self.counters, "accounts": accounts}, file)

    @classmethod
    def read(cls, path: str) -> "Before":
        with open(path) as file:
            state = json.load(file)
        accounts = {name: bytes.fromhex(text) for name, text in state["accounts"].items()}
        return cls({name: Entry.from_json(e) for name, e in state["tree"].items()}, state["counters"], accounts)


def pack(root: str, before: Before, keep: Keep, epoch: str, out: str) -> None:
    now = tree.scan(root)
    in_parent = image_paths(root)
    selection = slim.select(now, keep, libraries.needs(root, now) if keep.if_needed else [])
    # What the parent kept and this image would leave out stays; only what is gone from ROOT is gone.
    in_image = selection.kept | {path for path in in_parent if path in now}
    layer.refuse_marks(in_image)
    found = difference.packed(difference.difference(before.tree, now, in_parent, in_image), now)
    layer.write(f"{out}/rootfs.tar", root, found, now, epoch)
    write_list(f"{out}/rootfs.ways", found.ways)
    write_list(f"{out}/rootfs.base", difference.base(before.tree, now, in_parent, before.accounts))
    left_out = difference.left_out(selection, before.tree, now, in_image)
    write_list(f"{out}/rootfs.left-out", with_sizes(root, left_out, now))
    write_list(os.path.join(root, IMAGE_PATHS), sorted(in_image))


def with_sizes(root: str, left_out: Iterable[tuple[str, str]], now: Tree) -> Iterator[str]:
    """Triples of rule, bytes and path."""
    for path, rule in left_out:
        size = os.lstat(os.path.join(root, path)).st_size if now[path].kind == "f" else 0
        yield from (rule, str(size), path)


def image_paths(root: str) -> set[str]:
    paths = small_file(root, IMAGE_PATHS) or b""
    return {os.fsdecode(path) for path in paths.split(b"\0") if path}


def small_file(root: str, path: str) -> bytes | None:
    path = os.path.join(root, path)
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def write_list(file: str, strings: Iterable[str]) -> None:
    """Each ends in NUL, which alone is in no name."""
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as out:
        out.writelines(os.fsencode(text) + b"\0" for text in strings)
