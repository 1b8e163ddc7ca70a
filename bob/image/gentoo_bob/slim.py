"""Which paths of a ROOT go into an image.

Everything that only a compiler, a package manager or a reader of manuals needs stays out. It is left
out when packing and not by INSTALL_MASK, because the next image is compiled against the same ROOT.

What is left out goes by the place that it is in, for which a name's ending alone is no sign: a web server's
`page.h` is no header. What one program reads stays where the image has that program.
"""

import fnmatch
import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from gentoo_bob.tree import Entry

Tree = Mapping[str, Entry]
# Which file asks for which libraries.
Needs = Sequence[tuple[str, Sequence[str]]]

# Portage's own records, and ours: of one build only, so that no image may have them.
RECORDS = r"""
    var/db/(pkg|repos) var/lib/(portage|gentoo|bob) var/cache/(edb|distfiles|binpkgs) etc/config-archive
    var/log/(emerge\.log|portage) var/tmp/portage .*/\._cfg\d{4}_[^/]*
"""
# What the C library has for the beginning of a program: crt1.o, crti.o, crtn.o, Scrt1.o, gcrt1.o, rcrt1.o …
START = r"[A-Za-z]*crt[1in]\.o"
# Places by rule. A dock's KEEP takes out of these what it names.
RULES = {
    # Settings that only Portage and its tools read, and what shadow's tools leave behind.
    "leftovers": r"""
        etc/env\.d etc/portage usr/share/portage usr/share/baselayout usr/lib/portage etc/csh\.env var/cache/ldconfig
        etc/environment\.d/10-gentoo-env\.conf etc/(passwd|group|shadow|gshadow)- etc/\.pwd\.lock
    """,
    "documentation": r"usr/share/(doc|gtk-doc|applications)",
    "development": rf"""
        usr/(local/)?(lib|lib64|lib32|libx32|share)/(pkgconfig|cmake|aclocal) usr/share/(gir-1\.0|vala)
        usr/(local/)?lib(64|32|x32)?/(?!{START})[^/]*\.(o|la) usr/lib(64)?/skalibs/sysdeps
    """,
    "headers": r"usr/(local/)?include usr/(local/)?lib(64|32|x32)?/(.*/)?[^/]*\.(h|hh|hpp|hxx)",
    "static-libraries": r"usr/(local/)?lib(64|32|x32)?/(.*/)?[^/]*\.a",
}
# By rule and place, packages that read it, and programs that do where no package brought them.
READERS = {
    "documentation": {
        "usr/(share/|local/share/)?man": ("sys-apps/man-db app-text/mandoc", "usr/bin/mandb usr/bin/mandoc"),
        "usr/share/info": ("sys-apps/texinfo", "usr/bin/info"),
        "usr/share/bash-completion": ("app-shells/bash-completion", "usr/share/bash-completion/bash_completion"),
        "usr/share/zsh": ("app-shells/zsh", "usr/bin/zsh bin/zsh"),
        "usr/share/fish": ("app-shells/fish", "usr/bin/fish bin/fish"),
        "usr/share/gdb": ("dev-debug/gdb sys-devel/gdb", "usr/bin/gdb"),
    },
    # No compiler links a program without them.
    "development": {
        rf"usr/lib(64|32|x32)?/{START}": ("sys-devel/gcc llvm-core/clang sys-devel/clang", "usr/bin/gcc usr/bin/clang"),
    },
}

# Gentoo's keepdir makes an empty file of this name.
KEEP_MARK = re.compile(r"(.*/)?\.keep(_[^/]*)?")
EMPTY = ("", hashlib.sha256().hexdigest())

# Translated messages, and what locales are compiled from. Compiled locales stay: somebody made them on purpose.
LOCALES = re.compile(r"usr/share/(?:i18n|locale/(?P<name>[^/]+))(?:/.*)?", re.DOTALL)
# The C library's modules for character sets. UTF-8, ASCII and UCS are built into it.
CHARSETS = re.compile(r"usr/lib(?:64|32|x32)?/gconv(?:/(?P<name>.*))?", re.DOTALL)
# Which module is for which name, and libraries that several of them share.
CHARSET_INDEX = re.compile(r"gconv-modules(\..*)?|lib[^/]+\.so", re.DOTALL)

# Folders that an image keeps even when all that was in them stays out.
SKELETON = frozenset(
    "dev etc home media mnt opt proc root run srv sys tmp usr usr/bin usr/lib usr/lib64 usr/local usr/share var "
    "var/cache var/db var/empty var/lib var/log var/spool var/tmp".split()
)


@dataclass(frozen=True)
class Keep:
    """What a dock wants all the same. `*` among the names is all of them."""

    headers: bool = False
    static_libs: bool = False
    locales: tuple[str, ...] = ()
    charsets: tuple[str, ...] = ()
    if_needed: tuple[str, ...] = ()  # file names of libraries
    patterns: tuple[str, ...] = ()  # of paths


@dataclass(frozen=True)
class Selection:
    """Of all paths, those for the image, and the rule by which each other is left out."""

    kept: set[str]
    left_out: dict[str, str]


@dataclass(frozen=True)
class Rule:
    """Says of a path whether it stays out."""

    name: str
    test: Callable[[str], bool]


def select(tree: Tree, keep: Keep, needs: Needs = ()) -> Selection:
    rules = rules_for(tree, keep)
    left_out = {path: rule for path in tree if (rule := left_out_by(path, tree[path], rules))}
    wanted = set(named(tree, keep.patterns))
    for path in wanted:
        if left_out.get(path) != "records":
            left_out.pop(path, None)
    kept = {path: entry for path, entry in tree.items() if path not in left_out}
    spare = unneeded(kept, keep.if_needed, needs, wanted)
    left_out |= dict.fromkeys(spare, "unneeded-libraries")
    left_out |= dict.fromkeys(emptied(tree, left_out), "emptied")
    return Selection({path for path in tree if path not in left_out}, left_out)


def rules_for(tree: Tree, keep: Keep) -> list[Rule]:
    """The first that says yes counts."""
    wanted = {"headers": keep.headers, "static-libraries": keep.static_libs}
    places = {name: text for name, text in RULES.items() if not wanted.get(name)}
    for name in READERS:
        places[name] += " " + " ".join(unread(tree, name))
    return [
        Rule("records", matches(RECORDS)),
        *(Rule(name, matches(text)) for name, text in places.items()),
        Rule("locales", lambda path: is_other_locale(path, keep.locales)),
        Rule("charsets", lambda path: is_other_charset(path, keep.charsets)),
    ]


def matches(places: str) -> Callable[[str], bool]:
    """Whether a path is one of these places, or in one."""
    pattern = re.compile(rf"({'|'.join(places.split())})(/.*)?", re.DOTALL)
    return lambda path: pattern.fullmatch(path) is not None


def unread(tree: Tree, rule: str) -> Iterator[str]:
    """Places whose reader the image has not."""
    installed = {"/".join(path.split("/")[3:5]) for path in tree if path.startswith("var/db/pkg/")}
    for place, (packages, programs) in READERS[rule].items():
        is_package = re.compile(rf"({'|'.join(packages.split())})-\d[^/]*")
        if not any(map(is_package.fullmatch, installed)) and not any(name in tree for name in programs.split()):
            yield place


def left_out_by(path: str, entry: Entry, rules: Iterable[Rule]) -> str | None:
    if is_keep_mark(path, entry):
        return "keepdir"
    found = next((rule.name for rule in rules if rule.test(path)), None)
    return found or ("devices" if is_device(entry) else None)


def is_device(entry: Entry) -> bool:
    """baselayout makes some; a container gets a /dev of its own, and who unpacks an image may not make any."""
    return entry.kind in ("c", "b")


def is_keep_mark(path: str, entry: Entry) -> bool:
    return entry.kind == "f" and entry.data in EMPTY and KEEP_MARK.fullmatch(path) is not None


def is_other_locale(path: str, wanted: Collection[str]) -> bool:
    found = LOCALES.fullmatch(path)
    return found is not None and "*" not in wanted and found["name"] not in wanted


def is_other_charset(path: str, wanted: Collection[str]) -> bool:
    found = CHARSETS.fullmatch(path)
    if found is None or "*" in wanted:
        return False
    if not wanted:
        return True
    name = found["name"] or "gconv-modules"
    return CHARSET_INDEX.fullmatch(name) is None and name.removesuffix(".so") not in wanted


# ---- libraries


def unneeded(kept: Tree, names: Collection[str], needs: Needs, wanted: Set[str]) -> set[str]:
    """Libraries that are called so, with their links, that nothing in the image asks for: nothing but each other. What
    is `wanted` is asked for."""
    spare = libraries(kept, names, needs) if names else []
    while True:
        out: set[str] = set().union(*spare)
        asking = (sonames for path, sonames in needs if path in kept and path not in out)
        asked_for = {soname for sonames in asking for soname in sonames}
        still = [
            library
            for library in spare
            if not library & wanted and asked_for.isdisjoint(map(os.path.basename, library))
        ]
        if len(still) == len(spare):
            return out
        spare = still


def libraries(kept: Tree, names: Collection[str], needs: Needs) -> list[set[str]]:
    """Each library of which one name is among these, with the links to it that are in its folder."""
    groups = {path: {path} for path, _ in needs if path in kept}
    for path, entry in kept.items():
        if entry.kind == "l" and (group := groups.get(os.path.join(os.path.dirname(path), entry.data))):
            group.add(path)
    called = re.compile("|".join(map(fnmatch.translate, names)))
    return [group for group in groups.values() if any(called.match(os.path.basename(path)) for path in group)]


# ---- what a dock wants all the same


def named(tree: Tree, patterns: Iterable[str]) -> Iterator[str]:
    """What the patterns name, with all that is in it and the folders on the way."""
    for text in patterns:
        matching = glob(text)
        found = [path for path in tree if matching.fullmatch(path)]
        if not found:
            print(f"bob: warning: KEEP names `{text}`, and nothing of this name is there")
        for path in found:
            yield path
            yield from (path[:at] for at, letter in enumerate(path) if letter == "/")


def glob(text: str) -> re.Pattern[str]:
    """`*`, `?` and `[…]` are a shell's and stay in one folder, `**` does not. What is in a folder is named with it."""
    words = re.split(r"(\*\*|\*|\?|\[!?\]?[^]]*\])", text.strip("/"))
    return re.compile("".join(map(glob_word, words)) + "(/.*)?", re.DOTALL)


def glob_word(word: str) -> str:
    if word.startswith("[") and len(word) > 2:
        inside = word[1:-1].replace("\\", r"\\")
        return f"[^/{inside[1:]}]" if inside.startswith("!") else f"(?!/)[{inside}]"
    return {"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(word, re.escape(word))


# ---- folders


def emptied(tree: Tree, out: Mapping[str, str]) -> set[str]:
    """Folders that hold nothing any more. One that held nothing from the start, or only the mark of
    Gentoo's keepdir, is there on purpose."""
    empty: set[str] = set()
    inside = children(tree)
    for folder in sorted(inside, reverse=True):  # what is inside before the folder itself
        gone = all(path in out or path in empty for path in inside[folder])
        marked = any(out.get(path) == "keepdir" for path in inside[folder])
        if gone and not marked and folder not in SKELETON and folder not in out:
            empty.add(folder)
    return empty


def children(tree: Tree) -> dict[str, list[str]]:
    """The paths in each folder that holds anything."""
    found: dict[str, list[str]] = {}
    for path in tree:
        found.setdefault(path.rpartition("/")[0], []).append(path)
    found.pop("", None)
    return found
