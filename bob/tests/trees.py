"""Trees for tests, in short."""

from gentoo_bob.tree import Entry


def tree(*paths: str) -> dict[str, Entry]:
    """Paths ending in / are folders; `path=text` sets a content."""
    found: dict[str, Entry] = {}
    for path in paths:
        name, _, text = path.partition("=")
        kind = "d" if name.endswith("/") else "f"
        found[name.rstrip("/")] = Entry(kind, 0o755, 0, 0, text, ())
    return found
