"""Splits the songs of a pack by the executors of one machine."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import sub

from midiprism.generations.errors import GenerationStoppedError
from midiprism.generations.result import ResultIdentity, SplitSettings
from midiprism.metrics.stage_timers import COUNTER_COUNT
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.executor import ExecutorContext, Telemetry
from midiprism.pipeline.executors import make_executor
from midiprism.pipeline.resource_defaults import BATCHES_PER_WORKER
from midiprism.pipeline.settings import RerunPolicy
from midiprism.pipeline.splitter import LazySplitter, Splitter
from midiprism.pipeline.worker_config import KnownSongLookup, WorkerConfig
from midiprism.results.identity import Identity
from midiprism.smf.types import Limits
from midiprism.sources import SongRef, Source
from midiprism.stores import TrackStore

BATCH_SONGS = 250


def _ignore(_value: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources of this machine for the tasks of a generation.

    Attributes:
        workers: worker processes; 0 for none.
        folder: in which tasks keep their songs; None for that of temporary files.
        stop: once true, a task ends without a record.
        on_compile: called while the splitter is being compiled, with the seconds so far.
        on_songs: called with the number of songs that were split since the last call.
        on_timers: called with what was added to the workers' stage timers since the last call; see
            ``midiprism.metrics.stage_timers``.
        make_splitter: returns what splits a song by an identity, within limits, with an encoding of texts.
    """

    workers: int = 0
    folder: str | None = None
    stop: Callable[[], bool] = field(default=lambda: False)
    on_compile: Callable[[float], None] = _ignore
    on_songs: Callable[[int], None] = _ignore
    on_timers: Callable[[Sequence[int]], None] = _ignore
    make_splitter: Callable[[Identity, Limits, str | None], Splitter] = LazySplitter


@dataclass(frozen=True, slots=True)
class SongSplitter:
    """Splits songs with the settings of a generation.

    Attributes:
        timeout_factor: how much longer a song may take than the settings say.
    """

    machine: Machine
    identity: ResultIdentity
    settings: SplitSettings
    timeout_factor: float = 1.0

    def split(
        self, source: Source, store: TrackStore, batches: Iterator[Batch], *, facts: bool
    ) -> Iterator[FinishedBatch]:
        """Yield the batches, or parts of them, once their songs are split, in the order of the songs.

        Raises:
            GenerationStoppedError: the machine was asked to stop.
            MidiprismError: songs cannot be split at all.
        """
        machine, timeout = self.machine, self.settings.timeout
        identity = Identity(self.identity.by, self.identity.context)
        limits = self.settings.limits
        config = WorkerConfig(
            source,
            store,
            machine.make_splitter(identity, limits, self.settings.encoding),
            limits.input_bytes,
            KnownSongLookup(None, RerunPolicy(), 0),
            False,
            facts=facts,
        )
        context = ExecutorContext(
            config,
            machine.workers,
            timeout and timeout * self.timeout_factor,
            machine.stop,
            machine.on_compile,
            _ignore_telemetry,
        )
        max_in_flight = max(1, BATCHES_PER_WORKER * machine.workers)
        waiting: dict[int, FinishedBatch] = {}
        positions: deque[int] = deque()
        in_flight, has_more = 0, True
        timers: Sequence[int] = (0,) * COUNTER_COUNT
        with contextlib.closing(make_executor(None, context)) as executor:
            while has_more or in_flight:
                if machine.stop():
                    raise GenerationStoppedError
                while has_more and in_flight < max_in_flight:
                    batch = next(batches, None)
                    if batch is None:
                        has_more = False
                        break
                    positions += map(position_of, batch)
                    executor.submit(batch)
                    in_flight += 1
                if not in_flight:
                    break
                finished, telemetry = executor.completed()
                in_flight = telemetry.in_flight
                machine.on_timers([*map(sub, telemetry.timer_values, timers)])
                timers = telemetry.timer_values
                for done in finished:
                    machine.on_songs(len(done.batch))
                    waiting[position_of(done.batch[0])] = done
                while positions and positions[0] in waiting:
                    done = waiting.pop(positions[0])
                    for _ in done.batch:
                        positions.popleft()
                    yield done
        if positions:
            raise GenerationStoppedError


def _ignore_telemetry(_telemetry: Telemetry) -> None:
    pass


def position_of(song_ref: SongRef) -> int:
    """Return the position of a song of a pack in its chunk."""
    assert song_ref.member is not None
    return song_ref.member.position
