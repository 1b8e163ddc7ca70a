from collections.abc import Sequence, Set
from typing import TypeVar

class Atom(str):
    cp: str
    use: object | None
    blocker: object
    slot_operator: str | None
    def __new__(cls, text: str, allow_wildcard: bool = ..., allow_repo: bool = ...) -> Atom: ...
    def evaluate_conditionals(self, use: Set[str]) -> Atom: ...

P = TypeVar("P")

def match_from_list(atom: str, candidates: Sequence[P]) -> list[P]: ...
def use_reduce(
    text: str, uselist: Set[str], flat: bool, eapi: str, token_class: type[Atom] = ...
) -> list[str | Atom]: ...
