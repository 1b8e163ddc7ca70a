from collections.abc import Mapping, Sequence
from typing import TypeAlias

Options: TypeAlias = Mapping[str, object]

def parse_opts(args: Sequence[str], silent: bool) -> tuple[str | None, Options, Sequence[str]]: ...
def emerge_main(args: list[str]) -> int: ...
