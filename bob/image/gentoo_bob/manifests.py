"""What a Manifest says of an archive, and how bob tells of it."""

from collections.abc import Mapping
from typing import TypeAlias

# As Portage reads them: `size`, and hashes by their names.
Digests: TypeAlias = Mapping[str, str | int]
Described: TypeAlias = dict[str, object]

# The first is the best.
HASHES = ("BLAKE2B", "SHA512")


def describe(name: str, digests: Digests) -> Described:
    hashes = {kind.lower(): digests[kind] for kind in HASHES if kind in digests}
    return {"name": name, "size": int(digests["size"]), **hashes}


def best_hash(digests: Digests) -> str | None:
    return next((str(digests[kind]).lower() for kind in HASHES if kind in digests), None)
