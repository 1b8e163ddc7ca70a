"""What would be merged if nothing were cached, and what of it is: plan.json. Knows nothing of Portage."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

FORMAT = 1


@dataclass(frozen=True)
class Planned:
    """One package. The fields are those of plan.json, in its order."""

    cpv: str
    key: str
    used: int | None  # when the cache's one was used last, if it has one
    digest: str | None
    image: bool  # is for the image; others are needed in the builder only
    use: list[str]

    @property
    def is_cached(self) -> bool:
        return self.digest is not None


@dataclass(frozen=True)
class Plan:
    """All packages, in order of their names."""

    packages: list[Planned]

    def cached(self) -> list[Planned]:
        return [p for p in self.packages if p.is_cached]

    def missing(self) -> list[Planned]:
        return [p for p in self.packages if not p.is_cached]

    def compile_for_image(self) -> list[Planned]:
        return [p for p in self.missing() if p.image]

    def to_compile(self, for_builder: bool) -> list[Planned]:
        """Where everything for the image is there, nothing is built in the builder either, unless the dock wants
        something there."""
        return self.missing() if for_builder or self.compile_for_image() else []

    def as_json(self) -> dict[str, object]:
        return {"format": FORMAT, "packages": [asdict(p) for p in self.packages]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Plan":
        return cls([Planned(**p) for p in value["packages"]])


class Named(Protocol):
    """What Portage knows as a package."""

    @property
    def cpv(self) -> str: ...
    @property
    def root(self) -> str: ...


P = TypeVar("P", bound=Named)


def unique(packages: Iterable[P]) -> list[P]:
    """One of each version, since both would be the same package: the image's, which is to be known as such."""
    both = sorted(packages, key=lambda p: p.root != "/")
    in_image = {p.cpv: p for p in both if p.root != "/"}
    first = {p.cpv: p for p in reversed(both)}
    return [in_image.get(cpv, p) for cpv, p in sorted(first.items(), key=lambda item: item[0])]
