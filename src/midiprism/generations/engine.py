"""The interface of engines, which run the tasks of a pass on one machine or many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from midiprism.generations.pass_task import PassTask
from midiprism.generations.splitting import Machine


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of engines.

    Attributes:
        machine: this machine; it is also told the songs and the stage timers of all others.
        workers: of each machine of a cluster; None for as many as it has processors.
        address: of a cluster that is running; None to find or to start one.
    """

    machine: Machine = field(default_factory=Machine)
    workers: int | None = None
    address: str | None = None


class Engine(Protocol):
    """Runs tasks. An engine works between machines; within one, an executor does.

    Two engines may run the same task: the first record counts, and the other's work is lost.
    """

    def map(self, task: PassTask, numbers: Sequence[int]) -> Iterator[int]:
        """Run the task of each number, and yield the number once it is recorded, in any order.

        Raises:
            MidiprismError: a task cannot be done now. What others have recorded stays.
        """

    def close(self) -> None:
        """End what was started for the tasks."""
