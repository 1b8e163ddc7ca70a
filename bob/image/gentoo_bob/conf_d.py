"""Files of lines, as in tmpfiles.d and sysusers.d: which of them count in a ROOT, their lines, the words of a line.

What is wrong with a line gets its place here, and is told on one line, whatever is in it. Who is who in ROOT is read
here too: both formats name users and groups. What a line means, and what is done for it, is up to `tmpfiles` and
`sysusers`.
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gentoo_bob.within import inside

MOST_BYTES = 1 << 20
BLANKS = " \t\r"
# The others are known only on a running machine.
SPECIFIERS = {
    "%": "%",
    "t": "/run",
    "S": "/var/lib",
    "C": "/var/cache",
    "L": "/var/log",
    "T": "/tmp",
    "V": "/var/tmp",
    "h": "/root",
}

WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^ \t\r"'\\]|\\.)+""", re.DOTALL)
PIECE = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|((?:[^"'\\]|\\.)+)""", re.DOTALL)
ESCAPE = re.compile(
    r"\\(?:x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-7]{3})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<letter>.?))",
    re.DOTALL,
)
LETTERS = dict(zip("abtnvfrs\"'\\", b"\a\b\t\n\v\f\r \"'\\", strict=True))


class Where(NamedTuple):
    """A line of a file of ROOT; none, if it is the whole file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{shown(self.file)}:{self.line}" if self.line else shown(self.file)


class Refused(Exception):
    """A file or a line that cannot be applied."""

    def __init__(self, where: Where, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.file, self.line, self.why = where.file, where.line, why


class Malformed(Exception):
    """Becomes Refused where the line is known."""


class Skipped(Exception):
    """Becomes a warning where the line is known."""


class PassedOver(Exception):
    """A line that is nothing to an image."""


@contextlib.contextmanager
def told(where: Where, warnings: list[str]) -> Iterator[None]:
    """Gives what is wrong with a line its place."""
    try:
        yield
    except PassedOver:
        pass
    except Skipped as error:
        warnings.append(f"{where}: {error}")
    except (Malformed, OSError) as error:
        raise Refused(where, why(error)) from error


def why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def shown(text: str) -> str:
    """On one line, and printable."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


# ---- paths and files of ROOT


def file_bytes(root: str, path: str) -> bytes | None:
    """None, if there is no such file."""
    whole = os.path.join(root, inside(root, path, follow=True))
    try:
        info = os.lstat(whole)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(info.st_mode):
        raise Malformed("is no plain file")
    with open(whole, "rb") as file:
        return file.read()


def ids(root: str, table: str) -> dict[str, int]:
    """Names and numbers of users or groups. Root is always known, as to systemd: a small ROOT has no tables."""
    try:
        text = (file_bytes(root, table) or b"").decode(errors="surrogateescape")
    except (Malformed, OSError) as error:
        raise Refused(Where(table, 0), why(error)) from error
    found: dict[str, int] = {}
    for line in text.split("\n"):
        fields = line.split(":")
        if len(fields) > 2 and (number := decimal(fields[2])) is not None:
            found.setdefault(fields[0], number)
    return {"root": 0} | found


def decimal(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,10}", text) else None


def id_number(text: str) -> int | None:
    """The number of an account. Two are no account's: they stand for none in 16 and in 32 bits."""
    number = decimal(text)
    if number is not None and (number == 0xFFFF or number >= 0xFFFFFFFF):
        raise Malformed(f"`{shown(text)}` is the number of no account")
    return number


# ---- files of lines


def config_lines(root: str, files: Iterable[str]) -> Iterator[tuple[Where, str]]:
    for file in chosen(root, files):
        for number, text in enumerate(config_text(root, file).split("\n"), 1):
            stripped = text.strip(BLANKS)
            if stripped and not stripped.startswith("#"):
                yield Where(file, number), stripped


def chosen(root: str, files: Iterable[str]) -> list[str]:
    """In the order of their names. A file of etc hides others of the same name, whoever has put it there."""
    return sorted((file for file in set(files) if not is_hidden(root, file)), key=lambda file: (name_of(file), file))


def name_of(file: str) -> str:
    return os.path.basename(file)


def is_hidden(root: str, file: str) -> bool:
    folder = name_of(os.path.dirname(file))
    own = f"etc/{folder}/{name_of(file)}"
    return file != own and os.path.lexists(os.path.join(root, inside(root, own)))


def config_text(root: str, file: str) -> str:
    try:
        # How one says that a package's file is not to be applied. ROOT itself need not have the device.
        if inside(root, file, follow=True) == "dev/null":
            return ""
        content = file_bytes(root, file)
        if content is None:
            raise Malformed("is not there")
        if len(content) > MOST_BYTES:
            raise Malformed("is longer than 1 MiB")
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Refused(Where(file, 0), "is not in UTF-8") from error
    except (Malformed, OSError) as error:
        raise Refused(Where(file, 0), why(error)) from error
    if "\0" in text:
        raise Refused(Where(file, 0), "has a NUL in it")
    return text


# ---- words of a line


def words(text: str, most: int, meant: Callable[[str], str]) -> tuple[list[str], str]:
    """The first ones, without quotation marks, and as their backslashes are meant; the rest of the line as it is."""
    found: list[str] = []
    while text and len(found) < most:
        word = WORD.match(text)
        rest = text[word.end() :] if word else text
        if not word or rest[:1].strip(BLANKS):
            raise Malformed("has a quotation mark or a backslash with nothing behind it")
        found.append("".join(meant(quoted[1:-1] or plain) for quoted, plain in PIECE.findall(word[0])))
        text = rest.lstrip(BLANKS)
    return found, text


def literal(text: str) -> str:
    """A backslash takes any meaning from what follows, and has no other, as bash's `printf %q` writes them."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def unescaped(text: str) -> str:
    """Backslashes begin C's escapes: of bytes, but for those of Unicode."""
    parts: list[bytes] = []
    at = 0
    for escape in ESCAPE.finditer(text):
        parts += [encoded(text[at : escape.start()]), escaped(escape)]
        at = escape.end()
    return b"".join([*parts, encoded(text[at:])]).decode(errors="surrogateescape")


def escaped(escape: re.Match[str]) -> bytes:
    try:
        value = escape_value(escape.lastgroup or "", escape[escape.lastindex or 0])
    except (ValueError, OverflowError):
        value = b""
    if value in (b"", b"\0"):
        raise Malformed(f"has an escape that means nothing: `{shown(escape[0])}`")
    return value


def escape_value(kind: str, text: str) -> bytes:
    match kind:
        case "hex":
            return bytes([int(text, 16)])
        case "octal":
            return bytes([int(text, 8)])
        case "u" | "U":
            return chr(int(text, 16)).encode()
        case _:
            return bytes([LETTERS[text]]) if text in LETTERS else b""


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def expanded(text: str) -> str:
    """A single % at the end is one."""
    return re.sub(r"%(.)", lambda found: specifier(found[1]), text, flags=re.DOTALL)


def specifier(letter: str) -> str:
    if letter not in SPECIFIERS:
        raise Skipped(f"not applied: what `%{shown(letter)}` is, only a running machine knows")
    return SPECIFIERS[letter]
