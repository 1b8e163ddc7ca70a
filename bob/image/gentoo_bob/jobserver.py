"""Whether packages can be compiled by the tokens of the jobserver that this box may have."""

import os
import re
import stat
import subprocess

import portage
from portage.const import SUPPORTED_FEATURES

from gentoo_bob.job import Job

PLACE = "/bb/jobserver"
# Before it, make knows pipes only.
LEAST_MAKE = (4, 4)


def is_usable(job: Job) -> bool:
    """Not where somebody has said how many jobs there are to be."""
    settings = portage.db["/"]["vartree"].settings
    is_ours = settings.get("MAKEOPTS", "").strip() in ("", f"-j{job.jobs}") and not settings.get("MAKEFLAGS", "")
    return is_served() and is_ours and "jobserver-token" in SUPPORTED_FEATURES and make_version() >= LEAST_MAKE


def is_served() -> bool:
    """Whether something lies in the fifo, which may be read and written: one on a file system of another machine looks
    like it, and nothing ever comes through."""
    try:
        fifo = os.open(PLACE, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return stat.S_ISFIFO(os.fstat(fifo).st_mode) and os.read(fifo, 1) != b""
    except BlockingIOError:
        return False
    finally:
        os.close(fifo)


def make_version() -> tuple[int, ...]:
    try:
        done = subprocess.run(["make", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return (0,)
    found = re.match(r"GNU Make ([0-9.]+)", done.stdout)
    return tuple(int(part) for part in found[1].split(".") if part) if found else (0,)
