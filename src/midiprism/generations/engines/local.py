"""The engine that runs tasks in this process, one after the other; each uses all workers of the machine."""

from collections.abc import Iterator, Sequence

from midiprism.generations.engine import EngineOptions
from midiprism.generations.pass_task import PassTask


class LocalEngine:
    """Runs tasks in this process; see ``Engine``. It needs no options: tasks know their machine."""

    def __init__(self, _options: EngineOptions | None = None) -> None:
        pass

    def map(self, task: PassTask, numbers: Sequence[int]) -> Iterator[int]:
        for number in numbers:
            task(number)
            yield number

    def close(self) -> None:
        pass
