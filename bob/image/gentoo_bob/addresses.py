"""Where an archive can be fetched from, as ebuilds write it."""

from collections.abc import Iterable, Mapping, Sequence


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
