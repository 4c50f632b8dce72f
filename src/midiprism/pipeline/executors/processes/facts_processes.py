"""Computes facts in worker processes, so that those on which a process hangs or dies cost nothing else."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from midiprism.errors import WorkerStartError
from midiprism.features.tolerant_facts import Facts, FactsFunction, compute_or_omit
from midiprism.pipeline.executors.processes.batch_retry import MAX_WORKER_FAILURES
from midiprism.pipeline.executors.processes.call_process import CallProcess
from midiprism.pipeline.splitter import LoadFacts


class FactsProcesses:
    """Worker processes that compute facts: one for each thread that asks, started when it asks.

    Args:
        load_facts: loads what computes facts, in a worker process.
        timeout: seconds that the facts of the tracks of one call may take; None for no limit.
    """

    def __init__(self, load_facts: LoadFacts, timeout: float | None) -> None:
        self._load_facts = load_facts
        self._timeout = timeout
        self._idle: deque[CallProcess] = deque()

    def compute(self, tracks: Sequence[bytes], families: Sequence[str]) -> Facts:
        """Return a column for each fact of tracks; a track on which processes hang or die has none.

        After a process is lost, each of its tracks is tried alone, as workers do with songs.

        Raises:
            MidiprismError: worker processes cannot be started, or what computes facts cannot be loaded.
            MemoryError: there is too little for one track.
        """
        return compute_or_omit(self._compute, tracks, families)

    def close(self) -> None:
        """End the processes."""
        while self._idle:
            self._idle.pop().end()

    def _compute(self, tracks: Sequence[bytes], families: Sequence[str]) -> Facts:
        for _ in range(1 if len(tracks) > 1 else MAX_WORKER_FAILURES):
            process = self._take_process()
            process.begin(_compute_facts, (self._load_facts, tracks, families))
            try:
                answer = process.answer(self._timeout)
            except (EOFError, OSError):
                process.end()
                continue
            self._idle.append(process)
            return _facts_of(answer)
        raise _LostProcessError

    def _take_process(self) -> CallProcess:
        """Return an idle process, or a new one that has loaded what computes facts, which is not timed."""
        with suppress(IndexError):  # several threads take them
            return self._idle.pop()
        process = CallProcess()
        process.begin(_compute_facts, (self._load_facts, (), ()))
        try:
            answer = process.answer()
        except (EOFError, OSError) as error:
            raise WorkerStartError(process.end()) from error
        if isinstance(answer, Exception):
            process.end()
        _facts_of(answer)
        return process


def _facts_of(answer: Facts | Exception) -> Facts:
    if isinstance(answer, Exception):
        raise answer
    return answer


class _LostProcessError(Exception):
    """Processes hang or die on facts."""


@lru_cache(maxsize=1)
def _loaded(load_facts: LoadFacts) -> FactsFunction:
    return load_facts()


def _compute_facts(load_facts: LoadFacts, tracks: Sequence[bytes], families: Sequence[str]) -> Facts:
    """Return the facts of tracks, in a worker process."""
    return compute_or_omit(_loaded(load_facts), tracks, families)
