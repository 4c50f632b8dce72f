"""The time that a worker spends in each stage of a batch."""

from collections.abc import Iterator
from time import perf_counter_ns

from midiprism.metrics.stage_timers import Counter, RunQueueClock, Stage, ThreadTimes
from midiprism.pipeline.shared_counters import SharedCounters, stage_timers
from midiprism.pipeline.song_reader import BatchChunk

EMPTY_CHUNK: BatchChunk = 0, (), []


class WorkerTimes:
    """Counts the time of each stage.

    Args:
        counters: to which times are added.

    Attributes:
        splitting_ns: time spent splitting that was not counted yet; likewise for hashing and storing.
    """

    def __init__(self, counters: SharedCounters) -> None:
        self._timers = stage_timers(counters)
        self._run_queue_clock = RunQueueClock()
        self._last_counted = ThreadTimes.now(self._run_queue_clock)
        self.splitting_ns = 0
        self.hashing_ns = 0
        self.storing_ns = 0

    def close(self) -> None:
        """Close the system's clock of this thread."""
        self._run_queue_clock.close()

    def measure_reads(self, chunks: Iterator[BatchChunk]) -> Iterator[BatchChunk]:
        """Return the same chunks and an empty one at the end; time reading and the work between reads."""
        while True:
            started = ThreadTimes.now(self._run_queue_clock)
            chunk = next(chunks, None)
            self._last_counted = now = ThreadTimes.now(self._run_queue_clock)
            self._timers.add_time(Stage.READ, now.wall_ns - started.wall_ns, now.waited_ns_since(started))
            self._timers.count(Counter.QUEUED_NANOSECONDS, now.queued_ns - started.queued_ns)
            yield EMPTY_CHUNK if chunk is None else chunk
            self.count()
            if chunk is None:
                return

    def add_storing_since(self, started_ns: int) -> int:
        """Add the time since then to that of storing. Return the present time."""
        now = perf_counter_ns()
        self.storing_ns += now - started_ns
        return now

    def count(self) -> None:
        """Count the time since a chunk was read, or since the last count.

        Splitting and hashing wait for nothing: what was waited for beside reading, storing did.
        """
        now = ThreadTimes.now(self._run_queue_clock)
        self._timers.add_time(Stage.SPLIT, self.splitting_ns)
        self._timers.add_time(Stage.HASH, self.hashing_ns)
        self._timers.add_time(Stage.STORE, self.storing_ns, now.waited_ns_since(self._last_counted))
        self._timers.count(Counter.QUEUED_NANOSECONDS, now.queued_ns - self._last_counted.queued_ns)
        self.splitting_ns = self.hashing_ns = self.storing_ns = 0
        self._last_counted = now
