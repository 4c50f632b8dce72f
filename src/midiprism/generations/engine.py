"""The interface of engines, which run the tasks of a pass on one machine or many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

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


class TaskAddress(NamedTuple):
    """A task in plain values, by which another machine makes the same task.

    Attributes:
        result_url: of the result.
        source_url: of the songs; empty for a task that reads none.
        generation: that it belongs to.
        name: of the task: a pass, or a check.
        title: the name in words.
        hint: what to do when it has failed too often, as a sentence.
    """

    result_url: str
    source_url: str
    generation: int
    name: str
    title: str
    hint: str


class EngineTask(Protocol):
    """A task as engines hand it out: a function of a number, which may be called on any machine."""

    def address(self) -> TaskAddress:
        """Return what another machine needs to do it."""

    def __call__(self, number: int) -> Any:
        """Do the task, and return its answer, which can be sent to another process.

        Raises:
            MidiprismError: it cannot be done now.
        """


class Done(NamedTuple):
    """A task that is done.

    Attributes:
        number: of the task.
        answer: of the task; None for one that has recorded what it did.
    """

    number: int
    answer: Any


class Engine(Protocol):
    """Runs tasks. An engine works between machines; within one, an executor does.

    Two engines may run the same task of a pass: the first record counts, and the other's work is lost.
    """

    def prepare(self, result_url: str, source_url: str) -> None:
        """Begin to start what runs tasks, which takes seconds, while a generation is planned.

        Args:
            result_url: of the result, which need not be there yet.
            source_url: of the songs.

        Raises:
            UsageError: the engine cannot work with them, or cannot be started.
        """

    def map(self, task: EngineTask, numbers: Sequence[int]) -> Iterator[Done]:
        """Run the task of each number, and yield those that are done, in any order.

        Raises:
            MidiprismError: a task cannot be done now. What others have recorded stays.
        """

    def close(self) -> None:
        """End what was started for the tasks."""
