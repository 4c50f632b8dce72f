"""The engine that runs tasks in this process, one after the other; each uses all workers of the machine."""

from collections.abc import Callable, Iterator, Sequence


class LocalEngine:
    """Runs tasks in this process; see ``Engine``."""

    def map(self, task: Callable[[int], None], numbers: Sequence[int]) -> Iterator[int]:
        for number in numbers:
            task(number)
            yield number
