from collections.abc import Mapping, Sequence

from _emerge.main import Options
from _emerge.stdout_spinner import stdout_spinner
from portage import Trees
from portage.package.ebuild.config import config

class depgraph:
    def altlist(self) -> list[object]: ...
    def display_problems(self) -> None: ...

def backtrack_depgraph(
    settings: config,
    trees: Mapping[str, Trees],
    opts: Options,
    params: Mapping[str, object],
    action: str | None,
    args: Sequence[str],
    spinner: stdout_spinner,
) -> tuple[bool, depgraph, object]: ...
