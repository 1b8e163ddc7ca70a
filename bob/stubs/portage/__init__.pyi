# What of Portage the builder uses, as far as it uses it: Portage itself has few types. What is named in the builder's
# own annotations has Portage's name and place, for they are looked up when it runs; the rest is named here only.
from collections.abc import Mapping
from typing import TypedDict

from portage.dbapi.bintree import binarytree
from portage.dbapi.porttree import portdbapi
from portage.dbapi.vartree import vardbapi
from portage.package.ebuild.config import config

class VarTree:
    dbapi: vardbapi
    settings: config

class PortTree:
    dbapi: portdbapi

class Trees(TypedDict):
    vartree: VarTree
    porttree: PortTree
    bintree: binarytree

_internal_caller: bool

def _disable_legacy_globals() -> None: ...

db: Mapping[str, Trees]
root: str
