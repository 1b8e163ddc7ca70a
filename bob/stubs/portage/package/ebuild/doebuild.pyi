from collections.abc import Callable

_inject_libc_dep: Callable[[str, object], None]
