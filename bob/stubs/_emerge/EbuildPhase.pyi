from collections.abc import Callable
from typing import ClassVar

from _emerge.AsynchronousTask import AsynchronousTask
from portage.package.ebuild.config import config

class EbuildPhase(AsynchronousTask):
    phase: str
    settings: config
    _start_ebuild: ClassVar[Callable[..., None]]
    def _start_task(self, task: AsynchronousTask, exit_handler: Callable[..., None]) -> None: ...
    def _ebuild_exit(self, task: AsynchronousTask) -> None: ...
