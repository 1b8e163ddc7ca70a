"""Random chains of ROOTs, each packed as the difference to the one before, for the tests that unpack them:

    python3 bob/tests/kinds.py make FOLDER SEED CHAINS
    python3 bob/tests/kinds.py tell FOLDER

The first writes FOLDER/CHAIN/GENERATION/rootfs.tar, and beside it `expected`: a line for each path that the
image has to hold, with the path, and the hash of its content, its target or device, in hex. The second prints
such lines of a folder. What an image has to hold is found by a walk of its own over ROOT, not by the code that
is tested. Needs root, for owners and devices, and bob/image in PYTHONPATH.
"""

import hashlib
import os
import random
import shutil
import socket
import stat
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from gentoo_bob.pack import Before, pack
from gentoo_bob.slim import Keep

GENERATIONS = 3
# Kind, mode, owner, group, data and capability.
What: TypeAlias = tuple[str, int, int, int, bytes, bytes]

EPOCH = "1262304000"
PLAIN = [b"a", b"b", b"c", b"a-b", b"a.b", b"dir"]
ODD = [
    b"new\nline",
    "line\u2028sep".encode(),
    "next\u0085line".encode(),
    b"tab\tin",
    b" blank ",
    b"-dash",
    b"[g]*?",
    b"back\\slash",
    "w\u00f6rt".encode(),
    b"cr\rin",
]
# In every fifth chain only: what few readers of archives are prepared for.
RARE = [b"latin\xe9", "\u00fc\nboth".encode()]
HEADERS = b"usr/include"
TARGETS = [b"a", b"../a", b"/a", b"/b/c", b"dir/b", b"nowhere", b"/no/where", b".", b"..", b"a/b/c", b"a//b/./c"]


def capability(bits: int) -> bytes:
    """As the kernel keeps it."""
    return struct.pack("<5I", 0x02000001, bits, 0, 0, 0)


class Root:
    """A ROOT that is changed at random."""

    def __init__(self, path: bytes, dice: random.Random, rare: bool) -> None:
        self.path, self.dice = path, dice
        self.odd = ODD + RARE if rare else ODD
        # cap_net_bind_service=ep, and one with a byte in it that is a line feed.
        self.capabilities = [capability(0x400), capability(0x0A)] if rare else [capability(0x400)]
        os.mkdir(path, 0o755)
        os.makedirs(self.at(HEADERS), 0o755)

    def at(self, path: bytes) -> bytes:
        return os.path.join(self.path, path)

    def folders(self) -> list[bytes]:
        return [path for path in self.anything() if os.path.isdir(path) and not os.path.islink(path)] + [self.path]

    def anything(self) -> list[bytes]:
        """All paths, but for the folder of headers and for that in which pack keeps its own list."""
        found = []
        for folder, below, files in os.walk(self.path):
            below[:] = [name for name in below if not (folder == self.path and name == b"var")]
            found += [os.path.join(folder, name) for name in below + files]
        return sorted(set(found) - {self.at(b"usr"), self.at(HEADERS)})

    def change(self) -> None:
        for _ in range(self.dice.randint(10, 30)):
            everything = self.anything()
            what = self.dice.random()
            if everything and what < 0.15:
                self.remove(self.dice.choice(everything))
            elif everything and what < 0.45:
                # The same name, most often of another kind.
                self.make(self.dice.choice(everything))
            elif everything and what < 0.55:
                self.adorn(self.dice.choice(everything))
            else:
                self.make(self.a_name())
        if self.dice.random() < 0.5:
            self.make(self.at(os.path.join(HEADERS, self.dice.choice(PLAIN))))

    def a_name(self) -> bytes:
        folder = self.dice.choice(self.folders())
        if folder.count(b"/") - self.path.count(b"/") > 4:
            folder = self.path
        return os.path.join(folder, self.dice.choice(PLAIN * 4 + self.odd))

    def remove(self, path: bytes) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def make(self, path: bytes) -> None:
        if os.path.lexists(path):
            self.remove(path)
        kind = self.dice.choice("ddddfffllllcbpsh")
        if kind == "d":
            os.mkdir(path)
            for name in self.dice.sample(PLAIN, self.dice.randint(0, 2)):
                self.write(os.path.join(path, name))
        elif kind == "f":
            self.write(path)
        elif kind == "l":
            os.symlink(self.dice.choice(TARGETS), path)
        elif kind in "cb":
            os.mknod(
                path, (stat.S_IFCHR if kind == "c" else stat.S_IFBLK) | 0o600, os.makedev(1, self.dice.randint(3, 5))
            )
        elif kind == "p":
            os.mkfifo(path)
        elif kind == "s":
            self.listen(path)
            return
        else:
            self.hard_link(path)
        self.adorn(path)

    def write(self, path: bytes) -> None:
        with open(path, "wb") as file:
            file.write(self.dice.choice([b"", b"one\n", b"two\n", b"three\n" * 200]))

    def listen(self, path: bytes) -> None:
        """By way of a short name: an address has a hundred bytes."""
        with socket.socket(socket.AF_UNIX) as made:
            short = os.path.join(os.path.dirname(self.path), b".s")
            made.bind(os.fsdecode(os.path.relpath(short)))
            os.rename(short, path)

    def hard_link(self, path: bytes) -> None:
        files = [other for other in self.anything() if stat.S_ISREG(os.lstat(other).st_mode)]
        if files:
            os.link(self.dice.choice(files), path)
        else:
            self.write(path)

    def adorn(self, path: bytes) -> None:
        info = os.lstat(path)
        os.lchown(path, self.dice.choice([0, 0, 5, 70000]), self.dice.choice([0, 0, 6]))
        if stat.S_ISLNK(info.st_mode) or stat.S_ISSOCK(info.st_mode):
            return
        os.chmod(path, self.dice.choice([0o755, 0o644, 0o700, 0o1777, 0o2755, 0o4711]))
        if stat.S_ISREG(info.st_mode) and self.dice.random() < 0.2:
            os.setxattr(path, "security.capability", self.dice.choice(self.capabilities))


def expected(root: bytes, keep_headers: bool, in_parent: Mapping[bytes, What]) -> dict[bytes, What]:
    """What the image has to hold, by path."""
    found: dict[bytes, What] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            whole = os.path.join(folder, name)
            path = os.path.relpath(whole, root)
            is_header = path == HEADERS or path.startswith(HEADERS + b"/")
            info = os.lstat(whole)
            if not stat.S_ISSOCK(info.st_mode) and (not is_header or keep_headers or path in in_parent):
                found[path] = describe(whole, info)
    return found


def describe(path: bytes, info: os.stat_result) -> What:
    kinds = {
        stat.S_IFDIR: "d",
        stat.S_IFREG: "f",
        stat.S_IFLNK: "l",
        stat.S_IFCHR: "c",
        stat.S_IFBLK: "b",
        stat.S_IFIFO: "p",
    }
    kind = kinds[stat.S_IFMT(info.st_mode)]
    data = b""
    if kind == "f":
        with open(path, "rb") as file:
            data = hashlib.sha256(file.read()).hexdigest().encode()
    elif kind == "l":
        data = os.readlink(path)
    elif kind in "cb":
        data = f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}".encode()
    capability = b""
    if kind == "f" and "security.capability" in os.listxattr(path):
        capability = os.getxattr(path, "security.capability")
    return kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, data, capability


def lines(entries: Mapping[bytes, What]) -> Iterator[str]:
    for path, (kind, mode, uid, gid, data, capability) in sorted(entries.items()):
        yield f"{path.hex()} {kind} {mode:o} {uid} {gid} {data.hex() or '-'} {capability.hex() or '-'}\n"


def chain(folder: str, dice: random.Random, rare: bool) -> None:
    os.makedirs(folder)
    root = Root(os.fsencode(folder) + b"/root", dice, rare)
    path = os.fsdecode(root.path)
    in_image: dict[bytes, What] = {}
    for generation in range(GENERATIONS):
        out = f"{folder}/{generation}"
        os.mkdir(out)
        # As in the sysroot: a socket does not get there.
        for made in root.anything():
            if os.path.lexists(made) and stat.S_ISSOCK(os.lstat(made).st_mode) and dice.random() < 0.7:
                os.unlink(made)
        Before.of(path).write(f"{out}/before.json")
        root.change()
        keep = dice.random() < 0.5
        pack(path, Before.read(f"{out}/before.json"), wanted(keep), EPOCH, out)
        in_image = expected(root.path, keep, in_image)
        # The list that pack keeps in ROOT is there when the next one is packed, in folders of no interest.
        own = {name for name in in_image if (name + b"/").startswith(b"var/")}
        with open(f"{out}/expected", "w") as file:
            file.writelines(lines({name: what for name, what in in_image.items() if name not in own}))
    shutil.rmtree(root.path)


def wanted(headers: bool) -> Keep:
    """All devices, too, but for those among headers that are left out."""
    return Keep(headers=headers, patterns=("[!uv]**", "usr/include") if headers else ("[!uv]**",))


def make(folder: str, seed: str, count: str) -> None:
    os.umask(0o022)
    for number in range(int(count)):
        chain(f"{folder}/{number}", random.Random(f"{seed} {number}"), number % 5 == 4)


def tell(folder: str) -> None:
    sys.stdout.writelines(lines(expected(os.fsencode(folder), True, {})))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "make":
        make(*arguments)
    else:
        tell(*arguments)
