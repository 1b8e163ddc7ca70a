from collections.abc import Mapping

from portage.dbapi.porttree import portdbapi
from portage.package.ebuild.config import config

def spawn_nofetch(portdb: portdbapi, ebuild_path: str, settings: config, fd_pipes: Mapping[int, int]) -> int: ...
