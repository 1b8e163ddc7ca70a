# What of Portage the builder uses, as far as it uses it: Portage itself has no types.
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TypedDict

from portage.dep import Atom
from portage.package.ebuild.config import config

class VarDb:
    def match(self, atom: Atom | str) -> list[str]: ...
    def aux_get(self, cpv: str, names: Sequence[str]) -> list[str]: ...
    def getpath(self, cpv: str, filename: str) -> str: ...

class Manifest:
    def getTypeDigests(self, kind: str) -> Mapping[str, Mapping[str, str | int]]: ...

class Eclass:
    location: str

class EclassDb:
    eclasses: Mapping[str, Eclass]

class Repository:
    eclass_db: EclassDb
    def load_manifest(self, folder: str, distdir: str | None) -> Manifest: ...

class Repositories:
    def __getitem__(self, name: str) -> Repository: ...
    def get_location_for_name(self, name: str) -> str: ...

class PortDb:
    repositories: Repositories
    def findname(self, cpv: str, mytree: str | None = None, myrepo: str | None = None) -> str | None: ...
    def getFetchMap(self, cpv: str, useflags: Set[str], mytree: str) -> Mapping[str, Iterable[str]]: ...
    def getRepositoryPath(self, name: str) -> str | None: ...

class BinDb:
    def cpv_all(self) -> list[str]: ...
    def aux_get(self, cpv: str, names: Sequence[str]) -> list[str]: ...

class VarTree:
    dbapi: VarDb
    settings: config

class PortTree:
    dbapi: PortDb

class BinTree:
    dbapi: BinDb
    def populate(self) -> None: ...
    def getname(self, cpv: str) -> str: ...

class Trees(TypedDict):
    vartree: VarTree
    porttree: PortTree
    bintree: BinTree

db: Mapping[str, Trees]
root: str
