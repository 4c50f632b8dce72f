"""The metrics of a run: samples for the catalog, progress for a person."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from midiprism.metrics.devices import StorageLocation
from midiprism.metrics.downsample import samples_to_drop
from midiprism.metrics.sampler import Sampler
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.metrics.stage_timers import StageTimers, sum_counters, timer_totals
from midiprism.pipeline.executor import Telemetry
from midiprism.pipeline.planner import BatchPlanner
from midiprism.pipeline.progress import RunProgress, SongCounter
from midiprism.pipeline.summary import Summary
from midiprism.pipeline.tuner import Tunables, Tuner

if TYPE_CHECKING:
    from midiprism.catalog import Catalog

WINDOW_SECONDS = 10.0

_SERVER_STATUS_SECONDS = 10.0
_MAX_DECISIONS = 100


@dataclass(frozen=True, slots=True)
class RunCounts:
    """The parts of a run that count its songs.

    Attributes:
        summary: counts songs that are done.
        planner: counts songs that were planned.
        song_counter: counts the songs of the source; None if nobody counts them.
    """

    summary: Summary
    planner: BatchPlanner
    song_counter: SongCounter | None

    @property
    def songs_total(self) -> int | None:
        """Songs that there will be; None while they are not counted to the end."""
        return self.song_counter.total if self.song_counter else None


class RunMetrics:
    """The samples of one run, taken while it is entered.

    Args:
        counts: the run's own counts.
        recorded_settings: see ``recorded_settings_of``.
        tuner: decides on the tunables; None to keep them.
        downsample_seconds: time between two rounds in which samples that are no longer needed are dropped.

    Attributes:
        timers: of the stages that this process does itself.
    """

    def __init__(
        self,
        counts: RunCounts,
        recorded_settings: Mapping[str, Any],
        tuner: Tuner | None,
        downsample_seconds: float = 60.0,
    ) -> None:
        self.timers = StageTimers()
        self._counts = counts
        self._recorded_settings = recorded_settings
        self._tuner = tuner
        self._downsample_seconds = downsample_seconds
        self._tunables = Tunables(0, 0, 0)
        self._telemetry = Telemetry()
        self._batches_collected = 0
        self._decisions: list[dict[str, Any]] = []
        self._server_status: tuple[float, Mapping[str, int]] = (0.0, {})
        self._last_status_at = -_SERVER_STATUS_SECONDS
        self._sample_times: list[float] = []
        self._last_downsample_at = self._last_decision_at = 0.0
        locations = {
            role: StorageLocation.from_dict(place) for role, place in recorded_settings["locations"].items()
        }
        self._sampler = Sampler(self, locations)

    def __enter__(self) -> "RunMetrics":
        self._sampler.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sampler.__exit__(kind, error, trace)

    @property
    def recorded_settings(self) -> Mapping[str, Any]:
        """The settings that are recorded when the run begins."""
        return self._recorded_settings

    @property
    def telemetry(self) -> Telemetry:
        """The executor's last telemetry."""
        return self._telemetry

    def begin(self, tunables: Tunables) -> None:
        """Note the tunables with which the run begins."""
        self._tunables = tunables

    def observe(self, telemetry: Telemetry) -> None:
        """Note the executor's telemetry of this moment."""
        self._telemetry = telemetry

    def observe_collected(self, batches: int) -> None:
        """Note the number of batches that wait for their commit."""
        self._batches_collected = batches

    def worker_pids(self) -> Collection[int]:
        """Return the worker processes, for the sampler."""
        return self._telemetry.worker_pids

    def sample(self) -> RunSample:
        """Return the run at this moment, for the sampler."""
        summary, telemetry, tunables = self._counts.summary, self._telemetry, self._tunables
        totals = timer_totals(sum_counters([self.timers.values(), telemetry.timer_values]))
        tracks_written = max(telemetry.counts.tracks_written, summary.tracks_new)
        round_trip, connections = self._server_status
        return RunSample(
            songs=telemetry.counts.songs,
            songs_committed=summary.songs_done + summary.songs_copies,
            songs_skipped=self._counts.planner.songs_skipped,
            # Workers write the tracks of many songs before they have done with the first.
            tracks=max(telemetry.counts.tracks, telemetry.counts.tracks_written),
            tracks_new=tracks_written,
            stages=totals.stages,
            idle=totals.idle_seconds,
            queued=totals.queued_seconds,
            polling_cpu=totals.polling_seconds,
            commits=totals.commits,
            rows=totals.rows,
            flushes=totals.flushes,
            workers=tunables.workers,
            workers_ready=telemetry.workers_ready,
            batch_size=tunables.batch_size,
            in_flight=telemetry.in_flight + self._batches_collected,
            in_flight_limit=tunables.in_flight,
            batches_queued=telemetry.batches_queued,
            batches_collected=self._batches_collected,
            round_trip=round_trip,
            connections=dict(connections),
            songs_total=self._counts.songs_total,
        )

    def take_sample(self) -> None:
        """Take a sample of this moment, which may be the last one of processes that end."""
        self._sampler.take_sample()

    def window(self) -> SampleWindow | None:
        """Return the last seconds; None before there are any."""
        return self._sampler.window(WINDOW_SECONDS)

    def record_samples(self, catalog: "Catalog", run_id: int, now: str, *, last: bool = False) -> None:
        """Record the samples and the progress of the run in the catalog.

        Args:
            last: take one more sample of this moment.
        """
        if last:
            self._sampler.take_sample()
        samples = self._sampler.take_unrecorded()
        elapsed = samples[-1].elapsed_seconds if samples else 0.0
        if elapsed - self._last_status_at >= _SERVER_STATUS_SECONDS:
            self._last_status_at = elapsed
            self._server_status = catalog.server_status()
        dropped_times: list[float] = []
        if elapsed - self._last_downsample_at >= self._downsample_seconds:
            self._last_downsample_at = elapsed
            dropped_times = samples_to_drop(self._sample_times, elapsed)
            dropped = set(dropped_times)
            self._sample_times = [time for time in self._sample_times if time not in dropped]
        self._sample_times += [sample.elapsed_seconds for sample in samples]
        rows = [sample.as_dict() for sample in samples]
        catalog.update_run(run_id, self.totals(), now, rows, dropped_times)

    def totals(self) -> dict[str, Any]:
        """Return the totals of the run, and the decisions of the tuner."""
        totals = self._counts.summary.totals()
        return totals | ({"decisions": self._decisions} if self._decisions else {})

    def decide(self) -> Tunables | None:
        """Return the tunables that the tuner wants from now on; None for no change."""
        window = self._sampler.window(0.0) if self._tuner else None
        if window is None or self._tuner is None or window.last.elapsed_seconds <= self._last_decision_at:
            return None
        self._last_decision_at = window.last.elapsed_seconds
        decision = self._tuner.decide(window.last, self._tunables)
        if decision is None or decision.tunables == self._tunables:
            return None
        self._tunables = decision.tunables
        self._decisions = [
            *self._decisions[-_MAX_DECISIONS + 1 :],
            {
                "at": round(window.last.elapsed_seconds, 1),
                **asdict(decision.tunables),
                "reason": decision.reason,
            },
        ]
        return decision.tunables

    def progress(self, elapsed_seconds: float) -> RunProgress:
        """Return the progress of the run, ``elapsed_seconds`` after its beginning."""
        summary, skipped = self._counts.summary, self._counts.planner.songs_skipped
        counts = self._telemetry.counts
        tracks = max(counts.tracks, summary.tracks)
        # Workers write the tracks of many songs before they have done with the first.
        tracks_written = max(counts.tracks_written, summary.tracks_new)
        tracks_new = min(tracks_written, tracks)
        return RunProgress(
            total=self._counts.songs_total,
            seen=skipped + max(counts.songs, summary.songs_done + summary.songs_copies),
            skipped=skipped + summary.songs_copies,
            failed=summary.folders_failed + max(counts.songs_failed, summary.songs_failed),
            tracks=tracks,
            tracks_new=tracks_new,
            tracks_duplicate=tracks - tracks_new,
            seconds=elapsed_seconds,
            window=self.window(),
            recorded_settings=self._recorded_settings,
            tracks_ahead=tracks_written - tracks_new,
        )
