"""From the ROOT that emerge has left: the image's own part of it, and what a child builds on."""

import json
import os
import subprocess
import tempfile

import packages
import slim
import tree

ROOT = "/emerge-root"
PARENT = "/bb/parent"
# The paths of the image so far, parents included. It travels in the sysroot: what an image holds also
# depends on the settings (KEEP_HEADERS) of each image of the chain.
IMAGE_PATHS = "var/lib/bob/image.paths"

TAR = ["tar", "--create", "--format=posix", "--numeric-owner", "--no-recursion",
       "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"]
PATHS_FROM_STDIN = ["--null", "--verbatim-files-from", "--files-from=-"]


def remember(out):
    """What is in ROOT before anything is merged: the parent."""
    state = {"tree": tree.scan(ROOT), "counters": packages.counters(ROOT)}
    with open(out, "w") as file:
        json.dump(state, file)


def pack(before_file, out):
    before, counters = recall(before_file)
    now = tree.scan(ROOT)
    in_parent = image_paths()
    in_image = slim.select(now, yes("BOB_KEEP_HEADERS"), yes("BOB_KEEP_STATIC_LIBS"),
                           names("BOB_KEEP_LOCALES"), names("BOB_KEEP_CHARSETS"))
    changed, gone = difference(before, now, in_parent, in_image)
    write_rootfs(f"{out}/rootfs.tar", changed or a_folder(now), gone)
    write_image_paths(sorted(path for path in in_image | in_parent if path in now))
    write_packages(out, counters)
    write_sysroot(out)


def recall(file):
    with open(file) as text:
        state = json.load(text)
    return {path: tree.Entry.from_json(e) for path, e in state["tree"].items()}, state["counters"]


def yes(variable):
    return os.environ.get(variable, "").lower() in ("1", "y", "yes", "true")


def names(variable):
    return "*" if yes(variable) else os.environ.get(variable, "")


# ---- rootfs.tar


def difference(before, now, in_parent, in_image):
    """Paths to pack, and paths of the parent to white out."""
    changed = {p for p in in_image if p not in in_parent or before.get(p) != now[p]}
    # What the parent kept and this image would leave out stays as the parent has it; only what is gone
    # from ROOT is gone from the image.
    gone = {p for p in in_parent if p not in now}
    tops = {p for p in gone if p.rpartition("/")[0] not in gone}
    # An engine makes missing folders up: 0755, root's. So each one on the way is there.
    changed |= {folder for p in changed | tops for folder in tree.parents(p)}
    return sorted(changed), sorted(tops)


def a_folder(now):
    """For an image that adds nothing: engines take an empty archive for a plain file."""
    return sorted(path for path, entry in now.items() if entry.kind == "d" and "/" not in path)[:1]


def write_rootfs(file, changed, gone):
    with tempfile.TemporaryDirectory() as whiteouts:
        marks = [make_whiteout(whiteouts, path) for path in gone]
        create_tar(file, ROOT, changed, mtime=True)
        if marks:
            append_tar(file, whiteouts, marks)


def make_whiteout(folder, path):
    parent, _, name = path.rpartition("/")
    mark = os.path.join(parent, f".wh.{name}")
    os.makedirs(os.path.join(folder, parent), exist_ok=True)
    with open(os.path.join(folder, mark), "w"):
        os.chmod(os.path.join(folder, mark), 0o644)
    return mark


def create_tar(file, folder, paths, mtime):
    run_tar([*TAR, "--file", file, "--directory", folder, *fixed(mtime)], paths)


def append_tar(file, folder, paths):
    command = ["--append" if word == "--create" else word for word in TAR]
    run_tar([*command, "--file", file, "--directory", folder, *fixed(True)], paths)


def fixed(mtime):
    """Nothing of today's in the archive's headers."""
    options = ["--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"]
    return [*options, f"--mtime=@{os.environ['BOB_EPOCH']}"] if mtime else options


def run_tar(command, paths):
    subprocess.run([*command, *PATHS_FROM_STDIN], input=b"".join(os.fsencode(p) + b"\0" for p in paths), check=True)


# ---- for the children


def image_paths():
    try:
        with open(os.path.join(ROOT, IMAGE_PATHS), errors="surrogateescape") as file:
            return set(file.read().splitlines())
    except FileNotFoundError:
        return set()


def write_image_paths(paths):
    os.makedirs(os.path.dirname(os.path.join(ROOT, IMAGE_PATHS)), exist_ok=True)
    with open(os.path.join(ROOT, IMAGE_PATHS), "w", errors="surrogateescape") as file:
        file.writelines(path + "\n" for path in paths)


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
