"""emerge itself, but for one thing that it adds to packages by itself, and for phases with nothing in them (`idle`).

Portage says of each package that it builds that it needs at run time the C library of the machine that built it, in
that version or a newer one, whatever the ebuild says (its `_inject_libc_dep`). That is to keep a binary package from a
root with an older one. Here it would keep our own binary packages out of an image that has no C library yet, for their
dependencies are others than the ebuild's, and would bring a C library into images that are to have none. What it is
for is seen to otherwise: the C library that a package was compiled with is in its key, and what a program needs is
looked for in ROOT before the image is packed.
"""

import signal
import sys
from collections.abc import Sequence
from types import FrameType

import portage
from _emerge.main import emerge_main
from portage.exception import PortageException
from portage.package.ebuild import doebuild

from gentoo_bob import idle


def run(words: Sequence[str]) -> int:
    """The exit status of `emerge words`."""
    portage._internal_caller = True
    portage._disable_legacy_globals()
    doebuild._inject_libc_dep = add_nothing
    idle.leave_out()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # Ends by an exception, so that what is half done is put away.
    signal.signal(signal.SIGTERM, interrupted)
    try:
        return emerge_main(list(words))
    except PortageException as error:
        print(f"emerge: {error}", file=sys.stderr)
        return 1


def add_nothing(_build_info: str, _settings: object) -> None:
    pass


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
