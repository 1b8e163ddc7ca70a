"""What the ebuild repositories have, for `checked`: names, versions, USE flags."""

from collections.abc import Sequence

import portage
from portage.dep import Atom
from portage.exception import InvalidAtom
from portage.versions import catpkgsplit


class InTree:
    """As Portage sees it from `/`."""

    def __init__(self) -> None:
        self.db = portage.db["/"]["porttree"].dbapi

    def is_atom(self, text: str) -> bool:
        try:
            Atom(text, allow_wildcard=True, allow_repo=True)
        except InvalidAtom:
            return False
        return True

    def package(self, text: str) -> str:
        return Atom(text, allow_wildcard=True, allow_repo=True).cp

    def is_version(self, text: str) -> bool:
        """As in package.provided: with a category, and with nothing but the version."""
        split = catpkgsplit(text)
        return split is not None and split[0] != "null" and self.is_atom(f"={text}")

    def names(self) -> Sequence[str]:
        return self.db.cp_all()

    def flags(self, package: str) -> frozenset[str] | None:
        """Of all its versions, and what every package has. Nothing if there is no such package."""
        versions = self.db.cp_list(package)
        if not versions:
            return None
        own = {flag.lstrip("+-") for cpv in versions for flag in self.db.aux_get(cpv, ["IUSE"])[0].split()}
        implicit = portage.db["/"]["vartree"].settings.get("IUSE_IMPLICIT", "").split()
        return frozenset([*own, *implicit])
