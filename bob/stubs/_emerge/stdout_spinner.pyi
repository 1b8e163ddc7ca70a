from collections.abc import Callable

class stdout_spinner:
    QUIET: int
    mode: int
    update: Callable[[], bool]
    update_quiet: Callable[[], bool]
