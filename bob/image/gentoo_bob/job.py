"""What build-root says in the environment: whose image it is, and what its Buildconfig.sh has set."""

from collections.abc import Mapping
from dataclasses import dataclass

from gentoo_bob.slim import Keep

YES = ("1", "y", "yes", "true")


@dataclass(frozen=True)
class Job:
    """One image's step. A command without a step, as `prune`, has nothing set."""

    name: str
    epoch: str
    stage3: str  # digest
    code: str  # digest of the dock's own code in this box, if there is any
    build_packages: str  # as the dock wrote it: atoms with blanks between them
    jobs: str  # how many at a time, unless the user's settings say so
    keep: Keep

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> "Job":
        def text(name: str) -> str:
            return variables.get(f"BOB_{name}", "")

        name, epoch, stage3, code = map(text, ("NAME", "EPOCH", "STAGE3", "CODE"))
        return cls(name, epoch, stage3, code, text("BUILD_PACKAGES"), text("JOBS"), keep(variables))


def keep(variables: Mapping[str, str]) -> Keep:
    return Keep(
        headers=yes(variables.get("BOB_KEEP_HEADERS", "")),
        static_libs=yes(variables.get("BOB_KEEP_STATIC_LIBS", "")),
        locales=names(variables.get("BOB_KEEP_LOCALES", "")),
        charsets=names(variables.get("BOB_KEEP_CHARSETS", "")),
        if_needed=tuple(variables.get("BOB_KEEP_IF_NEEDED", "").split()),
        patterns=tuple(variables.get("BOB_KEEP", "").split()),
    )


def yes(text: str) -> bool:
    return text.lower() in YES


def names(text: str) -> tuple[str, ...]:
    """All of them, where somebody says yes."""
    return ("*",) if yes(text) else tuple(text.split())
