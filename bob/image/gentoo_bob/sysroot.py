"""What a child builds on: all of ROOT, and its fingerprint."""

import subprocess

from gentoo_bob import layer, tree
from gentoo_bob.fingerprint import fingerprint


def write(root: str, out: str) -> None:
    now = tree.scan(root)
    with open(f"{out}/sysroot.digest", "w") as file:
        file.write(fingerprint(root, now) + "\n")
    archive = f"{out}/sysroot.tar"
    # With their real times: Portage compares them when it removes a package.
    layer.create(archive, root, sorted(now))
    subprocess.run(["zstd", "-q", "-3", "-T0", "--rm", "-f", archive, "-o", archive + ".zst"], check=True)
