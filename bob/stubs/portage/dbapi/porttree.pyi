from collections.abc import Iterable, Mapping, Set

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

class portdbapi:
    repositories: Repositories
    def findname(self, cpv: str, mytree: str | None = None, myrepo: str | None = None) -> str | None: ...
    def getFetchMap(self, cpv: str, useflags: Set[str], mytree: str) -> Mapping[str, Iterable[str]]: ...
    def getRepositoryPath(self, name: str) -> str | None: ...
