"""Worker processes of this machine that check files, of which lost ones are replaced."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any

from midiprism.generations.errors import GenerationStoppedError
from midiprism.pipeline.executors.processes.call_process import Call, CallProcess

MAX_TRIES = 2
"""Workers that may be lost over one item."""

_LOOK_SECONDS = 0.2


class LostWorker:
    """The answer for an item over which ``MAX_TRIES`` workers were lost."""


class CheckWorkers:
    """Worker processes, which start with the first items. Without any, items are processed in this process.

    Args:
        count: of the processes; 0 for none.
        stop: once true, nothing more is begun.
    """

    def __init__(self, count: int, stop: Callable[[], bool]) -> None:
        self._count = count
        self._stop = stop
        self._idle: list[CallProcess] = []
        self._busy: dict[Any, tuple[CallProcess, int]] = {}

    def map(self, call: Call, items: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """Call a function of a module with each item, and yield its number and the answer, in any order.

        Args:
            call: the function.
            items: its arguments, as plain values.

        Yields:
            The position of an item and the answer, which is an instance of ``LostWorker`` for an item that
            ends the workers.

        Raises:
            GenerationStoppedError: it was asked to stop.
            MidiprismError: that the function raised.
        """
        if not self._count:
            for number, item in enumerate(items):
                self._require_going_on()
                yield number, call(*item)
            return
        try:
            yield from self._map(call, items)
        except BaseException:  # items may be under way, which are not the next caller's
            self.close()
            raise

    def _map(self, call: Call, items: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        waiting = deque(range(len(items)))
        lost = [0] * len(items)
        while waiting or self._busy:
            self._require_going_on()
            while waiting and len(self._busy) < self._count:
                number = waiting.popleft()
                worker = self._idle.pop() if self._idle else CallProcess()
                self._busy[worker.connection] = worker, number
                worker.begin(call, items[number])
            for connection in wait([*self._busy], _LOOK_SECONDS):
                worker, number = self._busy.pop(connection)
                try:
                    answer = worker.answer()
                except (EOFError, OSError):
                    worker.end()
                    lost[number] += 1
                    if lost[number] < MAX_TRIES:
                        waiting.append(number)
                    else:
                        yield number, LostWorker()
                    continue
                self._idle.append(worker)
                if isinstance(answer, Exception):
                    raise answer
                yield number, answer

    def _require_going_on(self) -> None:
        if self._stop():
            raise GenerationStoppedError

    def close(self) -> None:
        """End the processes, also in the midst of an item."""
        for worker in (*self._idle, *(worker for worker, _ in self._busy.values())):
            worker.end()
        self._idle.clear()
        self._busy.clear()
