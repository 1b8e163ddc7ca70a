"""One process for the commands of a run: Portage is loaded once, and each command is a fork of it.

To load Portage takes longer than most commands do. A fork begins as a process of its own would: settings, trees and
ROOT are read by the command itself, and nothing that one has read is known to the next.

A request is a list of texts, each ended by a NUL: how many follow, how many of them are variables, NAME=VALUE each, and
the command with its arguments. The answer is a line with its exit status. Whoever asks waits for it before the next
request. Knows nothing of the commands.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO

PR_SET_PDEATHSIG = 1  # of linux/prctl.h: a command ends with its server


def serve(requests: BinaryIO, answers: int, run: Callable[[Sequence[str]], None]) -> None:
    """Until nobody can ask any more. `answers` is a file descriptor, which no command gets."""
    # A terminal's are for the command that runs, whose end is waited for.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    while request := read(requests):
        variables, words = request
        child = os.fork()
        if child == 0:
            os.close(answers)
            begin_anew(variables, words)
            # What it raises ends it as it would end a process of its own.
            return run(words)
        os.write(answers, f"{status(os.waitpid(child, 0)[1])}\n".encode())
    return None


def begin_anew(variables: Sequence[str], words: Sequence[str]) -> None:
    """As a process that somebody has started with these."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(dict(variable.split("=", 1) for variable in variables))
    sys.argv[1:] = words


def read(requests: BinaryIO) -> tuple[list[str], list[str]] | None:
    """Variables and words. Nothing at the end, and where it comes in the middle."""
    try:
        count = int(text(requests))
        variables = int(text(requests))
        texts = [text(requests) for _ in range(count)]
    except EOFError:
        return None
    return texts[:variables], texts[variables:]


def text(requests: BinaryIO) -> str:
    found = bytearray()
    while (byte := requests.read(1)) != b"\0":
        if not byte:
            raise EOFError
        found += byte
    return os.fsdecode(bytes(found))


def status(waited: int) -> int:
    """As a shell has it."""
    code = os.waitstatus_to_exitcode(waited)
    return code if code >= 0 else 128 - code
