"""Splits the songs of a pack by the executors of one machine."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from operator import sub

from midiprism.catalog import Lease
from midiprism.generations.errors import GenerationStoppedError
from midiprism.generations.fetching import ReadAhead
from midiprism.generations.plan import SplitSettings
from midiprism.generations.result import ResultIdentity
from midiprism.generations.song_pack import PackSource
from midiprism.generations.stage_clocks import CLOCKS, ClockSeconds
from midiprism.generations.track_stores import FirstTracksStore
from midiprism.metrics.stage_timers import COUNTER_COUNT
from midiprism.pipeline.batch import Batch, FinishedBatch
from midiprism.pipeline.executor import Executor, ExecutorContext, Telemetry
from midiprism.pipeline.executors import make_executor
from midiprism.pipeline.resource_defaults import BATCHES_PER_WORKER
from midiprism.pipeline.settings import RerunPolicy
from midiprism.pipeline.splitter import Splitter, TolerantSplitter
from midiprism.pipeline.worker_config import KnownSongLookup, WorkerConfig
from midiprism.results.identity import Identity
from midiprism.smf.types import Limits
from midiprism.sources import SongRef

BATCH_SONGS = 250

_LEASE = Lease(0, "")
"""Lets a worker forget which songs it has seen: those of earlier batches may be of another chunk."""


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
        on_songs: called with the number of songs that were split since the last call, or in a check with that
            of files.
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
    make_splitter: Callable[[Identity, Limits, str | None], Splitter] = TolerantSplitter


class SongSplitter:
    """Splits the songs of packs with the settings of a generation. Its workers stay for the next chunk.

    Args:
        machine: whose workers split.
        identity: of the result.
        settings: of the generation.
        facts: whether facts of tracks are computed.
        digests_only: whether songs are split only to digest their tracks.
        timeout_factor: how much longer a song may take than the settings say.
    """

    def __init__(
        self,
        machine: Machine,
        identity: ResultIdentity,
        settings: SplitSettings,
        *,
        facts: bool = False,
        digests_only: bool = False,
        timeout_factor: float = 1.0,
    ) -> None:
        self._machine = machine
        self._source = PackSource()
        limits, timeout = settings.limits, settings.timeout
        config = WorkerConfig(
            self._source,
            FirstTracksStore(self._source),
            machine.make_splitter(Identity(identity.by, identity.context), limits, settings.encoding),
            limits.input_bytes,
            KnownSongLookup(None, RerunPolicy(), 0),
            False,
            facts=facts,
            digests_only=digests_only,
        )
        self._context = ExecutorContext(
            config,
            machine.workers,
            timeout and timeout * timeout_factor,
            machine.stop,
            machine.on_compile,
            _ignore_telemetry,
        )
        self._executor: Executor | None = None
        self._timers: Sequence[int] = ()

    def close(self) -> None:
        """End the workers."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None
        self._source.close()

    def split(self, batches: ReadAhead[Batch]) -> Generator[FinishedBatch, None, None]:
        """Yield the batches, or parts of them, once their songs are split, in the order of the songs.

        Who does not take all of them closes the generator, which ends the workers.

        Raises:
            GenerationStoppedError: the machine was asked to stop.
            MidiprismError: songs cannot be split at all.
        """
        if self._executor is None:
            self._executor = make_executor(None, self._context)
            self._timers = (0,) * COUNTER_COUNT
        try:
            yield from self._in_order(self._executor, batches)
        except BaseException:  # batches may be in flight, which are not the next chunk's
            self.close()
            raise
        self._source.close()

    def _in_order(self, executor: Executor, batches: ReadAhead[Batch]) -> Iterator[FinishedBatch]:
        machine = self._machine
        max_in_flight = max(1, BATCHES_PER_WORKER * machine.workers)
        waiting: dict[int, FinishedBatch] = {}
        positions: deque[int] = deque()
        in_flight = 0
        while in_flight or not batches.is_over:
            if machine.stop():
                raise GenerationStoppedError
            while in_flight < max_in_flight and not batches.is_over:
                with CLOCKS.measure("reads"):
                    batch = batches.take(wait=not in_flight)
                if batch is None:
                    break
                positions += map(position_of, batch)
                executor.submit(batch, _LEASE)
                in_flight += 1
            if not in_flight:
                continue
            lacks_songs = in_flight < machine.workers and not batches.is_over
            with CLOCKS.measure("reads" if lacks_songs else "workers"):
                finished, telemetry = executor.completed()
            in_flight = telemetry.in_flight
            added = [*map(sub, telemetry.timer_values, self._timers)]
            CLOCKS.add(ClockSeconds.of_workers(added))
            machine.on_timers(added)
            self._timers = telemetry.timer_values
            for done in finished:
                if len(done.record.songs) < len(done.batch):  # it ended early
                    raise GenerationStoppedError
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
