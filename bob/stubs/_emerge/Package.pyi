from collections.abc import Mapping, Set

from portage import Trees
from portage.package.ebuild.config import config

class Use:
    enabled: frozenset[str]

class RootConfig:
    settings: config
    trees: Trees

class Package:
    cpv: str
    cp: str
    root: str
    repo: str
    slot: str
    sub_slot: str
    eapi: str
    operation: str
    inherited: Set[str]
    use: Use
    root_config: RootConfig
    _metadata: Mapping[str, str]
