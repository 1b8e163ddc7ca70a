"""Package URLs, by which lists of software name packages."""

from urllib.parse import quote


def purl(category: str, name: str, version: str, slot: str, repository: str) -> str:
    """Its type `ebuild` is reserved, and what may follow a `?` is not said yet."""
    qualifiers = {"repository": repository, "slot": slot.partition("/")[0]}
    words = [f"{key}={escape(value)}" for key, value in sorted(qualifiers.items()) if value]
    return f"pkg:ebuild/{escape(category)}/{escape(name)}@{escape(version)}" + ("?" if words else "") + "&".join(words)


def escape(text: str) -> str:
    return quote(text, safe=":-._~")
