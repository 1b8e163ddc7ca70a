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
    etc/config-archive .*/\._cfg\d{4}_[^/]* (.*/)?\.keep(_[^/]*)?
"""
DOCUMENTS = r"""
    usr/share/(man|doc|info|gtk-doc|bash-completion|zsh|fish|applications) usr/man usr/local/share/man
"""
DEVELOPMENT = r"""
    usr/(lib|lib64|lib32|libx32|share)/(pkgconfig|cmake|aclocal) usr/share/aclocal .*\.la .*\.pc
    usr/lib(64|32|x32)?/[^/]*\.o .*\.gir usr/share/(gir-1\.0|vala|gdb)
"""
HEADERS = r"usr/include .*\.(h|hh|hpp|hxx)"
STATIC_LIBS = r".*\.a"

# Folders that an image keeps even when all that was in them stays out.
SKELETON = frozenset(
    "dev etc home media mnt opt proc root run srv sys tmp usr usr/bin usr/lib usr/lib64 usr/local usr/share var "
    "var/cache var/db var/empty var/lib var/log var/spool var/tmp".split()
)


def select(tree, keep_headers=False, keep_static_libs=False):
    """The paths of the tree (path → entry) that belong into the image."""
    unwanted = pattern(keep_headers, keep_static_libs)
    out = {path for path in tree if left_out(path, unwanted)}
    return {path for path in tree if path not in out} - emptied(tree, out)


def pattern(keep_headers, keep_static_libs):
    lists = [RECORDS, DOCUMENTS, DEVELOPMENT]
    lists += [] if keep_headers else [HEADERS]
    lists += [] if keep_static_libs else [STATIC_LIBS]
    return re.compile(rf"({'|'.join(' '.join(lists).split())})(/.*)?")


def left_out(path, unwanted):
    return unwanted.fullmatch(path) is not None


def emptied(tree, out):
    """Folders that hold nothing any more. One that held nothing from the start, or only the mark of
    Gentoo's keepdir, is there on purpose."""
    needed, held = set(), set()
    for path, entry in tree.items():
        folders = [path.rpartition("/")[0]]
        if path in out:
            if not re.fullmatch(r"(.*/)?\.keep(_[^/]*)?", path):
                held.update(folders)
        elif entry.kind != "d" or path in SKELETON:
            needed.update(above(path))
    empty = {p for p in held if p not in needed and p not in SKELETON and p not in out}
    return grow(tree, empty, out, needed)


def grow(tree, empty, out, needed):
    """A folder with nothing but emptied folders in it is emptied as well."""
    children = {}
    for path in tree:
        children.setdefault(path.rpartition("/")[0], []).append(path)
    # A folder that also holds one which is empty on purpose stays.
    empty = {p for p in empty if all(c in out or c in empty for c in children.get(p, []))}
    todo = list(empty)
    while todo:
        folder = todo.pop().rpartition("/")[0]
        gone = all(c in out or c in empty for c in children.get(folder, []))
        if folder and gone and folder not in empty | SKELETON | needed:
            empty.add(folder)
            todo.append(folder)
    return empty


def above(path):
    while path := path.rpartition("/")[0]:
        yield path
