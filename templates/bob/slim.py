"""Which paths of a ROOT go into an image.

Everything that only a compiler, a package manager or a reader of manuals needs stays out. It is left
out when packing and not by INSTALL_MASK, because the next image is compiled against the same ROOT.
"""

import re

# Portage's own records and leftovers, ours, and those of shadow's tools.
RECORDS = r"""
    var/db/(pkg|repos) var/lib/(portage|gentoo|bob) var/cache/(edb|ldconfig|distfiles|binpkgs) etc/env\.d
    etc/portage usr/share/portage usr/share/baselayout usr/lib/portage var/log/(emerge\.log|portage) var/tmp/portage
    etc/csh\.env etc/environment\.d/10-gentoo-env\.conf etc/(passwd|group|shadow|gshadow)- etc/\.pwd\.lock
    etc/config-archive .*/\._cfg\d{4}_[^/]*
"""
DOCUMENTS = r"""
    usr/share/(man|doc|info|gtk-doc|bash-completion|zsh|fish|applications) usr/man usr/local/share/man
"""
DEVELOPMENT = r"""
    usr/(lib|lib64|lib32|libx32|share)/(pkgconfig|cmake|aclocal) usr/share/aclocal .*\.la .*\.pc
    usr/lib(64|32|x32)?/[^/]*\.o .*\.gir usr/share/(gir-1\.0|vala|gdb)
    usr/lib(64)?/skalibs/sysdeps
"""
KEEP_MARK = re.compile(r"(.*/)?\.keep(_[^/]*)?")
HEADERS = r"usr/include .*\.(h|hh|hpp|hxx)"
STATIC_LIBS = r".*\.a"

# Translated messages, and what locales are compiled from. Compiled locales stay: somebody made them on purpose.
LOCALES = re.compile(r"usr/share/(?:i18n|locale/(?P<name>[^/]+))(?:/.*)?")
# The C library's modules for character sets. UTF-8, ASCII and UCS are built into it.
CHARSETS = re.compile(r"usr/lib(?:64|32|x32)?/gconv(?:/(?P<name>.*))?")
# Which module is for which name, and libraries that several of them share.
CHARSET_INDEX = re.compile(r"gconv-modules(\..*)?|lib[^/]+\.so")

# Folders that an image keeps even when all that was in them stays out.
SKELETON = frozenset(
    "dev etc home media mnt opt proc root run srv sys tmp usr usr/bin usr/lib usr/lib64 usr/local usr/share var "
    "var/cache var/db var/empty var/lib var/log var/spool var/tmp".split()
)


def select(tree, keep_headers=False, keep_static_libs=False, keep_locales="", keep_charsets=""):
    """The paths of the tree (path → entry) that belong into the image. The last two are names with blanks
    between them, or `*`."""
    unwanted = pattern(keep_headers, keep_static_libs)
    locales, charsets = keep_locales.split(), keep_charsets.split()
    out = {
        path for path in tree
        if left_out(path, unwanted) or other_locale(path, locales) or other_charset(path, charsets)
    }
    return {path for path in tree if path not in out} - emptied(tree, out)


def pattern(keep_headers, keep_static_libs):
    lists = [RECORDS, DOCUMENTS, DEVELOPMENT]
    lists += [] if keep_headers else [HEADERS]
    lists += [] if keep_static_libs else [STATIC_LIBS]
    return re.compile(rf"({'|'.join(' '.join(lists).split())})(/.*)?")


def left_out(path, unwanted):
    return unwanted.fullmatch(path) is not None or KEEP_MARK.fullmatch(path) is not None


def other_locale(path, wanted):
    found = LOCALES.fullmatch(path)
    return found is not None and "*" not in wanted and found["name"] not in wanted


def other_charset(path, wanted):
    found = CHARSETS.fullmatch(path)
    if found is None or "*" in wanted:
        return False
    if not wanted:
        return True
    name = found["name"] or "gconv-modules"
    return CHARSET_INDEX.fullmatch(name) is None and name.removesuffix(".so") not in wanted


def emptied(tree, out):
    """Folders that hold nothing any more. One that held nothing from the start, or only the mark of
    Gentoo's keepdir, is there on purpose."""
    empty = set()
    inside = children(tree)
    for folder in sorted(inside, reverse=True):  # what is inside before the folder itself
        gone = all(path in out or path in empty for path in inside[folder])
        if gone and folder not in SKELETON and not any(KEEP_MARK.fullmatch(path) for path in inside[folder]):
            empty.add(folder)
    return empty


def children(tree):
    """folder → the paths in it, for folders that hold anything."""
    found = {}
    for path in tree:
        found.setdefault(path.rpartition("/")[0], []).append(path)
    found.pop("", None)
    return found
