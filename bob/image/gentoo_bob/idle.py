"""Phases in which a binary package has nothing to do, left out while it is merged.

Portage starts a shell for each of `setup`, `preinst` and `postinst` of every package, loads its environment, filters
and saves it, also where the package defines no such phase; for most packages that is half of what merging takes. What
runs in a phase is the package's function, by its DEFINED_PHASES, and what a bashrc of the profile or of the user does
in it (`bashrc`). The user's own counts as doing something. What Portage does itself after a phase is done as before.
"""

import os

from _emerge.AsynchronousTask import AsynchronousTask
from _emerge.EbuildPhase import EbuildPhase
from portage.package.ebuild.config import config

from gentoo_bob.bashrc import does_something

# Those that a package has for itself. In others Portage's own code has something to do.
PHASES = ("setup", "preinst", "postinst")

# Variables that a profile's bashrc may ask for.
SAME_IN_EVERY_PHASE = ("PATH", "CATEGORY", "P", "PF", "PN", "PR", "PV", "PVR", "ROOT", "EROOT", "EPREFIX", "ARCH")


class Nothing(AsynchronousTask):
    """A phase that has succeeded."""

    __slots__ = ()  # Portage insists on it

    def _start(self) -> None:
        self.returncode = os.EX_OK
        self._async_wait()


def leave_out() -> None:
    """From here on, in this process and its children. Of a Portage that has no such method, none is left out."""
    start = getattr(EbuildPhase, "_start_ebuild", None)
    if start is None:
        return

    def start_ebuild(self: EbuildPhase) -> None:
        if is_idle(self.phase, self.settings):
            self._start_task(Nothing(background=self.background, scheduler=self.scheduler), self._ebuild_exit)
        else:
            start(self)

    EbuildPhase._start_ebuild = start_ebuild


def is_idle(phase: str, settings: config) -> bool:
    """Where a package does not say which phases it defines, it may define any."""
    defined = settings.configdict["pkg"].get("DEFINED_PHASES", "").split()
    # The last one saves what that before it has set.
    phases = {"preinst", "postinst"} if phase == "postinst" else {phase}
    is_binary = settings.get("EMERGE_FROM") == "binary"
    is_empty = phase in PHASES and bool(defined) and phases.isdisjoint(defined)
    return is_binary and is_empty and not is_hooked(phase, settings)


def is_hooked(phase: str, settings: config) -> bool:
    """Whether other shell code does something in this phase of this package: the profiles', the user's."""
    of_user = settings["PORTAGE_BASHRC"], os.path.join(settings["PM_EBUILD_HOOK_DIR"], settings["CATEGORY"])
    if any(map(os.path.lexists, of_user)):
        return True
    known = {name: settings.get(name, "") for name in SAME_IN_EVERY_PHASE}
    return bool(settings._pbashrc) and does_something(settings._pbashrc, {**known, "EBUILD_PHASE": phase})
