from collections.abc import Mapping, Sequence

from _emerge.main import Options
from portage import Trees
from portage.package.ebuild.config import config

class TargetConfig:
    settings: config

class _emerge_config:
    action: str | None
    args: Sequence[str]
    opts: Options
    trees: Mapping[str, Trees]
    target_config: TargetConfig

def load_emerge_config(action: str | None, args: Sequence[str], opts: Options) -> _emerge_config: ...
def adjust_configs(opts: Options, trees: Mapping[str, Trees]) -> None: ...
