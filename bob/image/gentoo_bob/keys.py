"""Keys of binary packages: a hash over everything that a package's content depends on.

`emerge --usepkg` looks at a package's version and USE flags only. It takes one that was built from another text of the
ebuild, with other CFLAGS, or against a dependency that is another one by now. So each package is kept under a key.

Deliberately not part of a key: the date of the ebuild repository, anything in it that this package does not use, the
number of jobs, the image that asked for it.

Knows nothing of Portage: `ingredients` asks it. What is hashed, and in which order, is all here. Where a key changes,
everything is compiled anew.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gentoo_bob.digests import digest
from gentoo_bob.manifests import Digests

FORMAT = "3"  # another number, and everything is compiled anew
LENGTH = 32


@dataclass(frozen=True)
class Ingredients:
    """What is only this package's own. Lines are in an order that does not change by itself."""

    cpv: str
    ebuild: str  # digest
    eclasses: Sequence[str]
    files: Sequence[str]  # what is in the folder `files` beside the ebuild
    sources: Sequence[str]
    use: Sequence[str]
    settings: Sequence[str]
    site: Sequence[str]  # what a user has put beside the ebuild

    def digest(self) -> str:
        own = [*self.eclasses, *self.files, *self.sources, " ".join(self.use), *self.settings, *self.site]
        return digest(self.cpv, self.ebuild, *own)


def eclass_line(name: str, file_digest: str) -> str:
    return f"eclass {name} {file_digest}"


def source_line(name: str, digests: Digests) -> str:
    return f"source {name} {sorted(digests.items())}"


@dataclass(frozen=True)
class Node:
    """A package among those it is built with. The others are named by their cpv if they are about to be built, and by
    a text (`installed_text`) if they are there already."""

    own: str  # digest of its ingredients
    build: Sequence[str]
    run: Sequence[str]
    slots: frozenset[str]  # a binary package records the subslots that its `:=` dependencies had


def all_keys(nodes: Mapping[str, Node], toolchain: Sequence[str]) -> dict[str, str]:
    """cpv → key. A set of hashes over everything reachable, rather than a hash of hashes: cycles among packages then
    need no rule of their own."""
    return {cpv: key(cpv, nodes, toolchain) for cpv in nodes}


def key(cpv: str, nodes: Mapping[str, Node], toolchain: Sequence[str]) -> str:
    node = nodes[cpv]
    reached = {nodes[name].own if name in nodes else name for name in reach(cpv, nodes)}
    return digest("key", FORMAT, *toolchain, node.own, *sorted(node.slots), *sorted(reached))[:LENGTH]


def reach(cpv: str, nodes: Mapping[str, Node]) -> set[str]:
    """What is there while the package is built: its build dependencies, what these need to run, and
    what all of these were built with. What it needs itself only to run is no part of its content."""
    todo = list(nodes[cpv].build)
    seen: set[str] = set()
    while todo:
        other = todo.pop()
        if other in seen or other == cpv:
            continue
        seen.add(other)
        if other in nodes:
            todo += [*nodes[other].build, *nodes[other].run]
    return seen


def installed_text(cpv: str, contents: bytes) -> str:
    """A text that changes with what is installed. The stage3's digest would do for its packages, but not for those that
    a dock's hook has put into the builder. `contents` is Portage's record of its files, without their times here."""
    timeless = re.sub(rb" \d+$", b"", contents, flags=re.M)
    return f"installed:{cpv}:{digest(timeless)}"


def toolchain_texts(installed: Sequence[str], stage3: str) -> list[str]:
    """A stage3 that does not record what it is made of is known by its own digest."""
    recorded = any("/gcc-" in text for text in installed) and any("/portage-" in text for text in installed)
    return [*installed] if recorded else [*installed, stage3]


def own_key(key: str, code: str) -> str:
    """What is compiled beside a dock's code is found by those only that have the same code. `bb` does the same
    with keys that it is told by a box with such code."""
    return hashlib.sha256(f"code {code} {key}".encode()).hexdigest()[:LENGTH] if code else key
