"""What an image has that its parent has not. Trees in, lists of paths out; touches no file."""

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from gentoo_bob import tree
from gentoo_bob.slim import Selection
from gentoo_bob.tree import Entry

Tree = Mapping[str, Entry]


@dataclass(frozen=True)
class Difference:
    """Paths, in order."""

    changed: list[str]  # to pack
    ways: list[str]  # folders among them that are packed only as the way to others
    gone: list[str]  # of the parent, to white out


def difference(before: Tree, now: Tree, in_parent: Set[str], in_image: Set[str]) -> Difference:
    """With every path that is packed goes every folder on its way: an engine makes up missing ones, 0755 and root's."""
    changed = {p for p in in_image if p not in in_parent or before.get(p) != now[p]}
    # What was in a folder that is something else now goes with the folder. A whiteout would be below the link
    # that took its place, where the file of somebody else is.
    gone = {p for p in in_parent if p not in now and is_folder(now, os.path.dirname(p))}
    ways = {folder for p in changed | gone for folder in tree.parents(p)} - changed
    return Difference(sorted(changed | ways), sorted(ways), sorted(gone))


def is_folder(now: Tree, path: str) -> bool:
    return not path or (path in now and now[path].kind == "d")


def packed(found: Difference, now: Tree) -> Difference:
    """What is packed of it: never nothing, for engines take an empty archive for a plain file."""
    if found.changed:
        return found
    folder = a_folder(now)
    return Difference(folder, folder, found.gone)


def a_folder(now: Tree) -> list[str]:
    return sorted(path for path, entry in now.items() if entry.kind == "d" and "/" not in path)[:1] or ["."]


def base(before: Tree, now: Tree, in_parent: Set[str], accounts: Mapping[str, bytes]) -> Iterator[str]:
    """What the parent's ROOT had where this image has something else or nothing: triples of path, what it was
    (kind, mode in octal, owner, group), and its hash, target or device. Of the tables of accounts, `t`, the text."""
    for path in sorted(in_parent & before.keys()):
        entry = before[path]
        if now.get(path) == entry:
            continue
        kind, data = ("t", os.fsdecode(accounts[path])) if path in accounts else (entry.kind, entry.data)
        yield from (path, f"{kind} {entry.mode:o} {entry.uid} {entry.gid}", data)


def left_out(selection: Selection, before: Tree, now: Tree, in_image: Set[str]) -> Iterable[tuple[str, str]]:
    """Path and rule, of what this image has brought and its parent has not left out already."""
    for path, rule in sorted(selection.left_out.items()):
        is_held = now[path].kind == "d" and rule != "emptied"  # told by what is in it
        if path not in in_image and not is_held and before.get(path) != now[path]:
            yield path, rule
