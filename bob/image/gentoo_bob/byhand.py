"""What ebuilds say of archives that nobody may fetch but the user. Knows nothing of Portage."""

import re

# Characters, and bytes that are looked at. The reader of plan.json takes four times as many bytes as characters.
LONGEST = 4000
LONGEST_SAID = 64 * 1024

COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What Portage puts before each line that an ebuild says.
MARK = re.compile(r"^ ?\* ?")


def words(said: bytes) -> str:
    """The lines of pkg_nofetch without what a terminal would make of them."""
    text = COLOUR.sub("", said.decode(errors="replace"))
    lines = [MARK.sub("", line).rstrip() for line in text.replace("\t", " ").splitlines()]
    printable = ("".join(c for c in line if c.isprintable()) for line in lines)
    return "\n".join(printable).strip("\n")[:LONGEST]
