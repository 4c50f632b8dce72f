"""The engine that runs tasks in this process, one after the other; each uses all workers of the machine."""

from collections.abc import Iterator, Sequence

from midiprism.generations.engine import Done, EngineOptions, EngineTask


class LocalEngine:
    """Runs tasks in this process; see ``Engine``. It needs no options: tasks know their machine."""

    def __init__(self, _options: EngineOptions | None = None) -> None:
        pass

    def map(self, task: EngineTask, numbers: Sequence[int]) -> Iterator[Done]:
        for number in numbers:
            yield Done(number, task(number))

    def close(self) -> None:
        pass
