"""The engine that runs tasks in this process, one after the other; each uses all workers of the machine."""

from collections.abc import Iterator, Sequence

from midiprism.generations.engine import Done, EngineOptions, EngineTask
from midiprism.pipeline.executors import prepare_executor


class LocalEngine:
    """Runs tasks in this process; see ``Engine``. Tasks know their machine.

    Args:
        options: of the engine; None to start nothing before there is a task.
    """

    def __init__(self, options: EngineOptions | None = None) -> None:
        self._workers = 0 if options is None else options.machine.workers

    def prepare(self, result_url: str, source_url: str) -> None:  # noqa: ARG002 - of tasks, which know them
        prepare_executor(None, self._workers)

    def map(self, task: EngineTask, numbers: Sequence[int]) -> Iterator[Done]:
        for number in numbers:
            yield Done(number, task(number))

    def close(self) -> None:
        pass
