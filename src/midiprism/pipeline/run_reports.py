"""Progress of a run: reported to a person, and recorded in the catalog."""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from midiprism.catalog import utc_now
from midiprism.errors import MidiprismError
from midiprism.pipeline.disk_space import DiskUsage, space_warning
from midiprism.pipeline.progress import RunListener
from midiprism.pipeline.run_metrics import RunCounts, RunMetrics
from midiprism.pipeline.settings import RunIntervals

if TYPE_CHECKING:
    from midiprism.catalog import Catalog


class RunClock:
    """Seconds since a run began."""

    def __init__(self, metrics: RunMetrics) -> None:
        self._metrics = metrics
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    @property
    def loading_seconds(self) -> float:
        """Seconds until the workers had loaded the splitter."""
        return self._metrics.telemetry.loading_seconds


class ProgressReporter:
    """Reports progress to a listener, at most every ``interval`` seconds."""

    def __init__(
        self, listener: RunListener | None, metrics: RunMetrics, clock: RunClock, interval: float
    ) -> None:
        self._listener = listener
        self._metrics = metrics
        self._clock = clock
        self._interval = interval
        self._last_report_seconds = 0.0

    def report(self, *, final: bool = False) -> None:
        """Report, unless the last report was just now."""
        if self._listener is None:
            return
        seconds = self._clock.seconds - self._clock.loading_seconds
        if final or seconds - self._last_report_seconds >= self._interval:
            self._last_report_seconds = seconds
            self._listener(self._metrics.progress(seconds))


class SpaceMonitor:
    """Warns once if the tracks of the remaining songs will not fit on the disk.

    Args:
        out: folder of the result.
        usage: space that was written so far; it is updated during the run.
        on_warning: receives the warning.
    """

    def __init__(self, out: str, usage: DiskUsage, on_warning: Callable[[str], None]) -> None:
        self._out = out
        self._usage = usage
        self._on_warning = on_warning
        self._has_warned = False

    def check(self, catalog: "Catalog", songs_left: int | None) -> None:
        """Warn if so many more songs will not fit; None if their number is unknown."""
        if songs_left is None or self._has_warned:
            return
        message = space_warning(self._out, catalog.local_disk_bytes(), self._usage, songs_left)
        if message:
            self._has_warned = True
            self._on_warning(message)


class RunRecorder:
    """Records a run in the catalog: its beginning, its progress, and its end.

    Args:
        catalog: open for writing; None where nothing is recorded.
        counts: the run's own counts.
        metrics: its samples.
        space: watches the disk.
        intervals: times between two records.
        max_rest: most seconds without a record, however long recording takes.
    """

    def __init__(
        self,
        catalog: "Catalog | None",
        counts: RunCounts,
        metrics: RunMetrics,
        space: SpaceMonitor,
        intervals: RunIntervals,
        max_rest: float,
    ) -> None:
        self._catalog = catalog
        self._counts = counts
        self._metrics = metrics
        self._space = space
        self._intervals = intervals
        self._max_rest = max_rest
        self._clock = RunClock(metrics)
        self._next_record_at = 0.0

    @property
    def clock(self) -> RunClock:
        return self._clock

    def begin(self) -> int:
        """Record that the run begins, unless it is recorded; return its number, 0 where nothing is."""
        summary = self._counts.summary
        if self._catalog and summary.run_id is None:
            summary.record_begin(self._catalog.begin_run(self._metrics.recorded_settings, utc_now()))
        return summary.run_id or 0

    def record(self) -> None:
        """Record the progress, unless that was done just now, and check the space on the disk."""
        run_id = self._counts.summary.run_id
        started = time.perf_counter()
        if self._catalog is None or run_id is None or started < self._next_record_at:
            return
        self.update_summary()
        self._metrics.record_samples(self._catalog, run_id, utc_now())
        recorded = time.perf_counter()
        rest = min(self._intervals.record_rest_factor * (recorded - started), self._max_rest)
        self._next_record_at = recorded + max(self._intervals.record, rest)
        total = self._counts.songs_total
        self._space.check(self._catalog, None if total is None else total - self._counts.planner.songs_seen)

    def update_summary(self) -> None:
        """Update the figures that the summary does not count by itself."""
        self._counts.summary.update(
            songs_skipped=self._counts.planner.songs_skipped,
            songs_total=self._counts.songs_total,
            seconds=self._clock.seconds,
            loading_seconds=self._clock.loading_seconds,
        )

    def end(self) -> None:
        """Record the end of the run."""
        self.update_summary()
        summary = self._counts.summary
        summary.complete_totals()
        if self._catalog and summary.run_id is not None:
            with contextlib.suppress(MidiprismError):  # a full disk: the run will be found cut off
                self._metrics.record_samples(self._catalog, summary.run_id, utc_now(), last=True)
                self._catalog.end_run(summary.run_id, summary.state, self._metrics.totals(), utc_now())
