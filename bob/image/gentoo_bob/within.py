"""Paths of a ROOT, looked up as in a chroot of it: an absolute link is from ROOT, and none leads out. Knows nothing of
what the paths are for."""

import errno
import os

MOST_LINKS = 40  # as the kernel


def inside(root: str, path: str, follow: bool = False) -> str:
    """Where path is, relative to root, as in a chroot of it. No part of the result is a link; the last may be one,
    unless it is followed too."""
    done: list[str] = []
    todo = path.split("/")[::-1]
    links = 0
    while todo:
        name = todo.pop()
        if name == "..":
            del done[-1:]
        elif name not in ("", "."):
            whole = os.path.join(root, *done, name)
            if (todo or follow) and os.path.islink(whole):
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.readlink(whole)
                done = [] if target.startswith("/") else done
                todo += target.split("/")[::-1]
            else:
                done.append(name)
    return "/".join(done)
