"""The interface of engines, which run the tasks of a pass on one machine or many."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol


class Engine(Protocol):
    """Runs tasks. An engine works between machines; within one, an executor does.

    Two engines may run the same task: the first record counts, and the other's work is lost.
    """

    def map(self, task: Callable[[int], None], numbers: Sequence[int]) -> Iterator[int]:
        """Run the task of each number, and yield the number once it is recorded, in any order.

        Raises:
            MidiprismError: a task cannot be done now. What others have recorded stays.
        """
