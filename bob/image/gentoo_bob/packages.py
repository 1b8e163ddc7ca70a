"""The list of a ROOT's packages: packages.json."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from portage.versions import catpkgsplit

from gentoo_bob import records, sources
from gentoo_bob.manifests import Described
from gentoo_bob.purl import purl
from gentoo_bob.records import record

LIST = "packages.json"


@dataclass(frozen=True)
class Listed:
    """One package. The fields are those of packages.json; README.md says what they mean."""

    category: str
    name: str
    version: str
    slot: str
    repository: str
    use: list[str]
    license: str
    purl: str
    size: int
    image: str
    sources: list[Described]


@dataclass(frozen=True)
class Origin:
    """What an image says of a package that the images on it have unchanged."""

    image: str
    sources: list[Described]


def of_parent(folder: str) -> dict[str, Origin]:
    """By cpv, what the parent's list says. Empty, if there is no parent."""
    try:
        with open(os.path.join(folder, LIST)) as file:
            listed = json.load(file)
    except FileNotFoundError:
        return {}
    return {f"{p['category']}/{p['name']}-{p['version']}": Origin(p["image"], p["sources"]) for p in listed}


def of_root(root: str, image: str, parents: Mapping[str, Origin], before: Mapping[str, str]) -> list[Listed]:
    """`before` are the counters of packages that were there before this image's own were merged."""
    found: list[Listed] = []
    for cpv in records.installed(root):
        is_unchanged = before.get(cpv) == record(root, cpv, "COUNTER")
        found.append(describe(root, cpv, image, parents.get(cpv) if is_unchanged else None))
    return found


def describe(root: str, cpv: str, image: str, inherited: Origin | None) -> Listed:
    """Which image brought it and what it was made of, a package that is as the parent left it says itself."""
    category, name, version, revision = catpkgsplit(cpv)
    version = version if revision == "r0" else f"{version}-{revision}"
    iuse = {flag.lstrip("+-") for flag in record(root, cpv, "IUSE").split()}
    use = set(record(root, cpv, "USE").split())
    slot, repository = record(root, cpv, "SLOT"), record(root, cpv, "repository")
    origin = inherited or Origin(image, sources.of_installed(cpv, use, repository))
    return Listed(
        category=category,
        name=name,
        version=version,
        slot=slot,
        repository=repository,
        use=sorted(iuse & use),
        license=" ".join(record(root, cpv, "LICENSE").split()),
        purl=purl(category, name, version, slot, repository),
        size=records.size(root, cpv),
        image=origin.image,
        sources=origin.sources,
    )


def as_json(listed: list[Listed]) -> list[dict[str, object]]:
    return [asdict(p) for p in listed]


def write(listed: list[Listed], out: str) -> None:
    with open(f"{out}/{LIST}", "w") as file:
        json.dump(as_json(listed), file, indent=1, sort_keys=True)
        file.write("\n")
    with open(f"{out}/package.provided", "w") as file:
        file.writelines(f"{p.category}/{p.name}-{p.version}\n" for p in listed)
