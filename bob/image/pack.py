"""From the ROOT that emerge has left: the image's own part of it, and what a child builds on."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from typing import NamedTuple

import packages
import slim
import tree

ROOT = "/emerge-root"
PARENT = "/bb/parent"
# The paths of the image so far, parents included. It travels in the sysroot: what an image holds also
# depends on the settings (KEEP_HEADERS) of each image of the chain.
IMAGE_PATHS = "var/lib/bob/image.paths"
# Lines by name, which a Dockerfile of a parent may have added to: the image step merges them.
ACCOUNTS = ("etc/group", "etc/gshadow", "etc/passwd", "etc/shadow")
# In a layer it says that something is gone.
WHITEOUT = ".wh."
LONGEST_NAME = 255

TAR = ["tar", "--create", "--format=posix", "--numeric-owner", "--no-recursion",
       "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"]
PATHS_FROM_STDIN = ["--null", "--verbatim-files-from", "--files-from=-"]


class Difference(NamedTuple):
    changed: list  # paths to pack
    ways: list  # folders among them that are packed only as the way to others
    gone: list  # paths of the parent to white out


def remember(out):
    """What is in ROOT before anything is merged: the parent."""
    accounts = {path: text.hex() for path in ACCOUNTS if (text := small_file(path)) is not None}
    state = {"tree": tree.scan(ROOT), "counters": packages.counters(ROOT), "accounts": accounts}
    with open(out, "w") as file:
        json.dump(state, file)


def pack(before_file, out):
    before, counters, accounts = recall(before_file)
    now = tree.scan(ROOT)
    in_parent = image_paths()
    selection = slim.select(now, yes("BOB_KEEP_HEADERS"), yes("BOB_KEEP_STATIC_LIBS"), names("BOB_KEEP_LOCALES"),
                            names("BOB_KEEP_CHARSETS"), os.environ.get("BOB_KEEP", ""))
    # What the parent kept and this image would leave out stays; only what is gone from ROOT is gone.
    in_image = selection.kept | {path for path in in_parent if path in now}
    refuse_marks(in_image)
    found = difference(before, now, in_parent, in_image)
    write_rootfs(f"{out}/rootfs.tar", found.changed or a_folder(now), found.gone, now)
    write_list(f"{out}/rootfs.ways", found.ways if found.changed else a_folder(now))
    write_list(f"{out}/rootfs.base", base(before, now, in_parent, accounts))
    write_list(f"{out}/rootfs.left-out", left_out(selection, before, now, in_image))
    write_list(os.path.join(ROOT, IMAGE_PATHS), sorted(in_image))
    write_packages(out, counters)
    write_sysroot(out)


def recall(file):
    with open(file) as text:
        state = json.load(text)
    before = {path: tree.Entry.from_json(e) for path, e in state["tree"].items()}
    return before, state["counters"], {path: bytes.fromhex(text) for path, text in state["accounts"].items()}


def small_file(path):
    path = os.path.join(ROOT, path)
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def yes(variable):
    return os.environ.get(variable, "").lower() in ("1", "y", "yes", "true")


def names(variable):
    return "*" if yes(variable) else os.environ.get(variable, "")


# ---- rootfs.tar


def refuse_marks(in_image):
    for path in sorted(in_image):
        if os.path.basename(path).startswith(WHITEOUT):
            sys.exit(f"error: no image can hold `/{shown(path)}`: in a layer this name says that something is gone")


def difference(before, now, in_parent, in_image):
    """With every path that is packed goes every folder on its way: an engine makes up missing ones, 0755 and root's."""
    changed = {p for p in in_image if p not in in_parent or before.get(p) != now[p]}
    # What was in a folder that is something else now goes with the folder. A whiteout would be below the link
    # that took its place, where the file of somebody else is.
    gone = {p for p in in_parent if p not in now and is_folder(now, os.path.dirname(p))}
    ways = {folder for p in changed | gone for folder in tree.parents(p)} - changed
    return Difference(sorted(changed | ways), sorted(ways), sorted(gone))


def is_folder(now, path):
    return not path or path in now and now[path].kind == "d"


def a_folder(now):
    """For an image that adds nothing: engines take an empty archive for a plain file."""
    return sorted(path for path, entry in now.items() if entry.kind == "d" and "/" not in path)[:1] or ["."]


def base(before, now, in_parent, accounts):
    """What the parent's ROOT had where this image has something else or nothing: triples of path, what it was
    (kind, mode in octal, owner, group), and its hash, target or device. Of the tables of accounts, `t`, the text."""
    for path in sorted(in_parent & before.keys()):
        entry = before[path]
        if now.get(path) == entry:
            continue
        kind, data = ("t", os.fsdecode(accounts[path])) if path in accounts else (entry.kind, entry.data)
        yield from (path, f"{kind} {entry.mode:o} {entry.uid} {entry.gid}", data)


def left_out(selection, before, now, in_image):
    """Triples of rule, bytes and path, of what this image has brought and its parent has not left out already."""
    for path, rule in sorted(selection.left_out.items()):
        if path in in_image or now[path].kind == "d" and rule != "emptied" or before.get(path) == now[path]:
            continue
        size = os.lstat(os.path.join(ROOT, path)).st_size if now[path].kind == "f" else 0
        yield from (rule, str(size), path)


def write_list(file, strings):
    """Each ends in NUL, which alone is in no name."""
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as out:
        out.writelines(os.fsencode(text) + b"\0" for text in strings)


def shown(path):
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def write_rootfs(file, changed, gone, now):
    # Engines give a file to its owner again for each further name, by which it loses its capabilities.
    single = [path for path in changed if path in now and now[path].xattrs and has_other_names(path)]
    create_tar(file, ROOT, sorted(set(changed) - set(single)), mtime=True)
    with tempfile.TemporaryDirectory() as folder:
        part = f"{folder}/part.tar"
        if single:
            create_tar(part, ROOT, single, True, "--hard-dereference")
            join(file, part)
        if gone:
            create_tar(part, f"{folder}/marks", [make_whiteout(f"{folder}/marks", path) for path in gone], mtime=True)
            join(file, part)


def join(file, part):
    """`tar --append` goes on in ustar where nothing before has needed more, and leaves attributes and long names out."""
    with tarfile.open(file, "r:", errors="surrogateescape") as tar:
        tar.getmembers()
        end = tar.offset
    with open(file, "r+b") as out, open(part, "rb") as more:
        out.seek(end)
        out.truncate()
        shutil.copyfileobj(more, out)


def has_other_names(path):
    info = os.lstat(os.path.join(ROOT, path))
    return stat.S_ISREG(info.st_mode) and info.st_nlink > 1


def make_whiteout(folder, path):
    parent, _, name = path.rpartition("/")
    mark = os.path.join(parent, f"{WHITEOUT}{name}")
    if len(os.fsencode(WHITEOUT + name)) > LONGEST_NAME:
        sys.exit(f"error: no image can be without `/{shown(path)}` of its parent: the name is too long for a layer to say so")
    os.makedirs(os.path.join(folder, parent), exist_ok=True)
    with open(os.path.join(folder, mark), "w"):
        os.chmod(os.path.join(folder, mark), 0o644)
    return mark


def create_tar(file, folder, paths, mtime, *options):
    run_tar([*TAR, *options, "--file", file, "--directory", folder, *fixed(mtime)], paths)


def fixed(mtime):
    """Nothing of today's in the archive's headers."""
    options = ["--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"]
    return [*options, f"--mtime=@{os.environ['BOB_EPOCH']}"] if mtime else options


def run_tar(command, paths):
    subprocess.run([*command, *PATHS_FROM_STDIN], input=b"".join(os.fsencode(p) + b"\0" for p in paths), check=True)


# ---- for the children


def image_paths():
    paths = small_file(IMAGE_PATHS) or b""
    return {os.fsdecode(path) for path in paths.split(b"\0") if path}


def write_packages(out, counters):
    listed = packages.listed(ROOT, os.environ["BOB_NAME"], packages.of_parent(PARENT), counters)
    with open(f"{out}/packages.json", "w") as file:
        json.dump(listed, file, indent=1, sort_keys=True)
        file.write("\n")
    with open(f"{out}/package.provided", "w") as file:
        file.writelines(f"{p['category']}/{p['name']}-{p['version']}\n" for p in listed)


def write_sysroot(out):
    now = tree.scan(ROOT)
    with open(f"{out}/sysroot.digest", "w") as file:
        file.write(packages.fingerprint(ROOT, now) + "\n")
    archive = f"{out}/sysroot.tar"
    # With their real times: Portage compares them when it removes a package.
    create_tar(archive, ROOT, sorted(now), mtime=False)
    subprocess.run(["zstd", "-q", "-3", "-T0", "--rm", "-f", archive, "-o", archive + ".zst"], check=True)
