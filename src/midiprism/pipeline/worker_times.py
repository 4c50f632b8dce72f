"""The time that a worker spends in each stage of a batch."""

from time import perf_counter_ns

from midiprism.metrics.stage_timers import Counter, RunQueueClock, Stage, ThreadTimes
from midiprism.pipeline.shared_counters import SharedCounters, stage_timers


class WorkerTimes:
    """Counts the time of each stage.

    Args:
        counters: to which times are added.
    """

    def __init__(self, counters: SharedCounters) -> None:
        self._timers = stage_timers(counters)
        self._run_queue_clock = RunQueueClock()
        self._last_counted = ThreadTimes.now(self._run_queue_clock)
        self._splitting_ns = self._hashing_ns = self._storing_ns = 0

    def close(self) -> None:
        """Close the system's clock of this thread."""
        self._run_queue_clock.close()

    def begin_batch(self) -> None:
        """Note that a batch begins, with a read."""
        self._last_counted = ThreadTimes.now(self._run_queue_clock)

    def end_read(self) -> None:
        """Count the time of a read, which followed the last count or the beginning of the batch."""
        began = self._last_counted
        self._last_counted = now = ThreadTimes.now(self._run_queue_clock)
        self._timers.add_time(Stage.READ, now.wall_ns - began.wall_ns, now.waited_ns_since(began))
        self._timers.count(Counter.QUEUED_NANOSECONDS, now.queued_ns - began.queued_ns)

    def add_splitting_since(self, started_ns: int) -> int:
        """Add the time since then to that of splitting. Return the present time."""
        now = perf_counter_ns()
        self._splitting_ns += now - started_ns
        return now

    def add_facts_since(self, started_ns: int) -> None:
        """Add the time since then to that of facts, which is a part of that of splitting."""
        self._timers.count(Counter.FACTS_NANOSECONDS, self.add_splitting_since(started_ns) - started_ns)

    def add_hashing_since(self, started_ns: int) -> None:
        """Add the time since then to that of hashing."""
        self._hashing_ns += perf_counter_ns() - started_ns

    def add_storing_since(self, started_ns: int) -> int:
        """Add the time since then to that of storing. Return the present time."""
        now = perf_counter_ns()
        self._storing_ns += now - started_ns
        return now

    def count(self) -> None:
        """Count the time since a chunk was read, or since the last count.

        Splitting and hashing wait for nothing: outside of reads, only storing waits.
        """
        now = ThreadTimes.now(self._run_queue_clock)
        self._timers.add_time(Stage.SPLIT, self._splitting_ns)
        self._timers.add_time(Stage.HASH, self._hashing_ns)
        self._timers.add_time(Stage.STORE, self._storing_ns, now.waited_ns_since(self._last_counted))
        self._timers.count(Counter.QUEUED_NANOSECONDS, now.queued_ns - self._last_counted.queued_ns)
        self._splitting_ns = self._hashing_ns = self._storing_ns = 0
        self._last_counted = now
