"""Which of Portage's settings change what is in a package. Knows nothing of packages: names in, lines out."""

import re
from collections.abc import Callable, Iterable

# Settings that change no package's content, or that are in its USE flags already. Every other variable
# of make.conf or of the profile counts, known or not: an unknown one may be read by some ebuild.
NO_MATTER = re.compile(
    r"USE|USE_.*|.*_USE|IUSE_.*|ACCEPT_.*|FEATURES|MAKEOPTS|MAKEFLAGS|NINJAOPTS|EMERGE_.*|PORTAGE_.*|PORTDIR.*"
    r"|DISTDIR|PKGDIR|GENTOO_MIRRORS|CONFIG_PROTECT.*|FETCHCOMMAND.*|RESUMECOMMAND.*|BINPKG_.*|PROFILE_.*|ENV_UNSET"
    r"|UNINSTALL_IGNORE|COLLISION_IGNORE|CLEAN_DELAY|NOCOLOR|LC_.*|INPUT_DEVICES|VIDEO_CARDS|SYNC|PORT_LOG.*"
)
# Also where nobody sets them: their default is the compiler's or the profile's.
ALWAYS = frozenset(
    "CHOST CBUILD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS FFLAGS FCFLAGS RUSTFLAGS ARCH ABI ELIBC KERNEL "
    "SOURCE_DATE_EPOCH".split()
)
# Only these features change what a package installs.
CONTENT_FEATURES = frozenset(
    "nostrip splitdebug compressdebug dedupdebug installsources noinfo noman nodoc test xattr static-libs "
    "fixlafiles multilib-strict".split()
)


def names(known: Iterable[str], expanded: Iterable[str]) -> list[str]:
    """Those that count of all that are set somewhere, in order. What is expanded into USE flags counts there."""
    every = (ALWAYS | set(known)) - set(expanded)
    return sorted(name for name in every if name in ALWAYS or not NO_MATTER.fullmatch(name))


def lines(counting: Iterable[str], value: Callable[[str], str | None], features: Iterable[str]) -> list[str]:
    """Blanks and line ends within a value are all the same to a compiler."""
    values = [f"{name}={' '.join((value(name) or '').split())}" for name in counting]
    return [*values, f"FEATURES={' '.join(sorted(CONTENT_FEATURES & set(features)))}"]
