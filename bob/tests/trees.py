"""Trees for tests, in short."""

from gentoo_bob.tree import Entry


def tree(*paths: str) -> dict[str, Entry]:
    """Paths ending in / are folders; `path=text` sets a content, `path->target` makes a link."""
    found: dict[str, Entry] = {}
    for path in paths:
        name, link, text = path.partition("->" if "->" in path else "=")
        kind = "l" if link == "->" else "d" if name.endswith("/") else "f"
        found[name.rstrip("/")] = Entry(kind, 0o755, 0, 0, text, ())
    return found
