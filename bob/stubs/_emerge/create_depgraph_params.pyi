from collections.abc import Mapping

from _emerge.main import Options

def create_depgraph_params(opts: Options, action: str | None) -> Mapping[str, object]: ...
