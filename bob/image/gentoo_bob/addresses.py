"""Where an archive can be fetched from, as ebuilds write it, and what they forbid of that."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple


class Allowed(NamedTuple):
    """What RESTRICT leaves."""

    uris: list[str]
    mirrors: bool  # Gentoo's own may be asked
    by_hand: bool  # nobody may fetch it but the user


def allowed(uris: Iterable[str], mirrors: Mapping[str, Sequence[str]], restrict: Collection[str]) -> Allowed:
    """As Portage does: `fetch` forbids what `mirror` forbids too; `fetch+` lifts it for one address, `mirror+` both.
    A `mirror://` address names mirrors that may have the archive, so it is none that `fetch` forbids."""
    written = list(uris)
    lifting = ("fetch+", "mirror+", "mirror://")
    is_restricted = "fetch" in restrict
    found = plain([uri for uri in written if not is_restricted or uri.startswith(lifting)], mirrors)
    forbidden = {"fetch", "mirror", "nomirror"}.intersection(restrict)
    on_mirrors = not forbidden or any(uri.startswith("mirror+") for uri in written)
    return Allowed(found, on_mirrors, is_restricted and not on_mirrors and not web(found))


def plain(uris: Iterable[str], mirrors: Mapping[str, Sequence[str]]) -> list[str]:
    """`mirror://gnu/x` becomes one per mirror. A bare file name has none, it is on Gentoo's mirrors only."""
    found: list[str] = []
    for written in uris:
        uri = written.removeprefix("mirror+").removeprefix("fetch+")
        if uri.startswith("mirror://"):
            name, _, path = uri.removeprefix("mirror://").partition("/")
            found += [f"{mirror.rstrip('/')}/{path}" for mirror in mirrors.get(name, [])]
        elif "://" in uri:
            found.append(uri)
    return found


def web(uris: Iterable[str]) -> list[str]:
    return [uri for uri in uris if uri.startswith(("https://", "http://"))]
