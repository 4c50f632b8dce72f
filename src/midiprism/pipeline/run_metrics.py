"""What a run tells of itself while it goes on: samples for the catalogue, progress for a person."""

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

from midiprism.catalog import Catalog, PostgresAddress
from midiprism.metrics.devices import StorageLocation, locate_storage
from midiprism.metrics.downsample import samples_to_drop
from midiprism.metrics.sampler import Sampler
from midiprism.metrics.snapshot import RunSample, SampleWindow
from midiprism.metrics.stage_timers import (
    COMMITS,
    FLUSHES,
    IDLE,
    POLLING,
    QUEUED,
    ROWS,
    StageTimers,
    counter_seconds,
    stage_times,
    sum_counters,
)
from midiprism.pipeline import resource_defaults as machine
from midiprism.pipeline.progress import RunProgress
from midiprism.pipeline.settings import Settings
from midiprism.pipeline.tuner import Tunables, Tuner
from midiprism.results.identity import Identity

if TYPE_CHECKING:
    from midiprism.pipeline.executor import Executor
    from midiprism.pipeline.group_commit import GroupCommit
    from midiprism.pipeline.planner import BatchPlanner
    from midiprism.pipeline.summary import Summary
    from midiprism.sources import Source

WINDOW_SECONDS = 10.0
RECORD_REST_FACTOR = 9.0
"""After it was told how far the run is, so many times as long nothing is told: a server may be far away."""

_SERVER_STATUS_SECONDS = 10.0
_DOWNSAMPLE_SECONDS = 60.0
_MAX_DECISIONS = 100


class RunMetrics:
    """The samples of one run, taken while it is entered.

    Args:
        summary: what the run has done.
        plan: what it comes to.
        facts: see ``facts_of``.
        tuner: decides what is in force; None where nobody does.

    Attributes:
        clocks: of the stages that this process does itself.
        facts: see ``facts_of``.
        knobs: what is in force.
        pool: who works; None before it is there.
        group: what waits for its commit.
        total: songs that there will be; None while nobody knows.
        decisions: of the tuner, in terms of JSON.
    """

    def __init__(
        self,
        summary: "Summary",
        planner: "BatchPlanner",
        recorded_settings: Mapping[str, Any],
        tuner: Tuner | None,
    ) -> None:
        self.timers = StageTimers()
        self.tunables = Tunables(0, 0, 0)
        self.executor: Executor | None = None
        self.group_commit: GroupCommit | None = None
        self.songs_total: int | None = None
        self.decisions: list[dict[str, Any]] = []
        self._summary = summary
        self._planner = planner
        self._tuner = tuner
        self._server_status: tuple[float, Mapping[str, int]] = (0.0, {})
        self._last_status_at = -_SERVER_STATUS_SECONDS
        self._sample_times: list[float] = []
        self._last_downsample_at = self._last_decision_at = 0.0
        self.recorded_settings = recorded_settings
        places = {
            role: StorageLocation.from_dict(place) for role, place in recorded_settings["locations"].items()
        }
        self._sampler = Sampler(self, places)

    def __enter__(self) -> "RunMetrics":
        self._sampler.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sampler.__exit__(kind, error, trace)

    def worker_pids(self) -> Collection[int]:
        """For the sampler."""
        return self.executor.worker_pids() if self.executor else ()

    def sample(self) -> RunSample:
        """For the sampler."""
        pool, summary = self.executor, self._summary
        songs, _, tracks, tracks_new = _progress_counts(pool)
        values = sum_counters([self.timers.values(), pool.timer_values()]) if pool else self.timers.values()
        collected = self.group_commit.batch_count if self.group_commit else 0
        round_trip, connections = self._server_status
        return RunSample(
            songs=songs,
            songs_committed=summary.songs_done + summary.songs_copies,
            songs_skipped=max(0, self._planner.songs_skipped),
            tracks=tracks,
            tracks_new=max(tracks_new, summary.tracks_new),
            stages=stage_times(values),
            idle=counter_seconds(values, IDLE),
            queued=counter_seconds(values, QUEUED),
            polling_cpu=counter_seconds(values, POLLING),
            commits=values[COMMITS],
            rows=values[ROWS],
            flushes=values[FLUSHES],
            workers=self.tunables.workers,
            workers_ready=pool.workers_ready if pool else 0,
            batch_size=self.tunables.batch_size,
            in_flight=(pool.in_flight if pool else 0) + collected,
            in_flight_limit=self.tunables.in_flight,
            batches_queued=pool.batches_queued if pool else 0,
            batches_collected=collected,
            round_trip=round_trip,
            connections=dict(connections),
            songs_total=self.songs_total,
        )

    def take_sample(self) -> None:
        """Take a sample of this moment, which may be the last one of processes that end."""
        self._sampler.take_sample()

    def window(self) -> SampleWindow | None:
        """The last seconds; None before there are any."""
        return self._sampler.window(WINDOW_SECONDS)

    def record_samples(self, catalog: Catalog, run_id: int, now: str, *, last: bool = False) -> None:
        """Put the samples into the catalogue, and how far the run is; let the tuner decide.

        Args:
            last: take one more of this moment.
        """
        if last:
            self._sampler.take_sample()
        samples = self._sampler.take_unrecorded()
        at = samples[-1].elapsed_seconds if samples else 0.0
        if at - self._last_status_at >= _SERVER_STATUS_SECONDS:
            self._last_status_at = at
            self._server_status = catalog.server_status()
        thinned: list[float] = []
        if at - self._last_downsample_at >= _DOWNSAMPLE_SECONDS:
            self._last_downsample_at = at
            thinned = samples_to_drop(self._sample_times, at)
            gone = set(thinned)
            self._sample_times = [at for at in self._sample_times if at not in gone]
        self._sample_times += [sample.elapsed_seconds for sample in samples]
        catalog.update_run(run_id, self.totals(), now, [sample.as_dict() for sample in samples], thinned)

    def totals(self) -> dict[str, Any]:
        """What the run did, and what was decided on the way."""
        return self._summary.totals() | ({"decisions": self.decisions} if self.decisions else {})

    def decide(self) -> Tunables | None:
        """What the tuner wants to be in force now; None for no change."""
        window = self._sampler.window(0.0) if self._tuner else None
        if window is None or self._tuner is None or window.last.elapsed_seconds <= self._last_decision_at:
            return None
        self._last_decision_at = window.last.elapsed_seconds
        decision = self._tuner.decide(window.last, self.tunables)
        if decision is None or decision.tunables == self.tunables:
            return None
        self.tunables = decision.tunables
        self.decisions = [
            *self.decisions[-_MAX_DECISIONS + 1 :],
            {
                "at": round(window.last.elapsed_seconds, 1),
                **asdict(decision.tunables),
                "reason": decision.reason,
            },
        ]
        return decision.tunables

    def progress(self, elapsed_seconds: float) -> RunProgress:
        """How far the run is, ``passed`` seconds after its beginning."""
        summary, skipped = self._summary, self._planner.songs_skipped
        songs, failed, tracks, written = _progress_counts(self.executor)
        tracks, written = max(tracks, summary.tracks), max(written, summary.tracks_new)
        return RunProgress(
            total=self.songs_total,
            seen=skipped + max(songs, summary.songs_done + summary.songs_copies),
            skipped=skipped + summary.songs_copies,
            failed=summary.folders_failed + max(failed, summary.songs_failed),
            tracks=tracks,
            tracks_new=written,
            tracks_duplicate=tracks - written,
            seconds=elapsed_seconds,
            window=self.window(),
            recorded_settings=self.recorded_settings,
        )


def _progress_counts(executor: "Executor | None") -> tuple[int, int, int, int]:
    """Songs, failed, tracks, and how many of these were written."""
    songs, failed, tracks, written = executor.progress_counts() if executor else (0, 0, 0, 0)
    # Workers write the tracks of many songs before they have done with the first.
    return songs, failed, max(tracks, written), written


def recorded_settings_of(
    identity: Identity, source: "Source", out: str, settings: Settings
) -> dict[str, Any]:
    """What is recorded of a run when it begins, in terms of JSON: what it was asked to do, and where."""
    return {
        **identity.as_dict(),
        "out": os.path.abspath(out),
        "sources": [os.fsdecode(source) for source in source.source_paths],
        "source_options": list(settings.source_options),
        "workers": settings.workers,
        "batch_size": settings.batch_songs,
        "in_flight": settings.in_flight,
        "redo": settings.rerun_policy.redo,
        "retry_failed": settings.rerun_policy.retry_failed,
        "database": None if settings.database is None else settings.database.cli_options,
        "cpus": machine.cpus(),
        "locations": {
            role: place.as_dict()
            for role, place in run_locations(source.source_paths, out, settings.database).items()
        },
    }


def run_locations(
    sources: Sequence[bytes], out: str, database: PostgresAddress | None
) -> dict[str, StorageLocation]:
    """Where a run reads and writes, by role; of several sources that of the first."""
    output = locate_storage(out)
    places = {
        "output": output,
        "catalog": output
        if database is None
        else StorageLocation(str(database), kind=_server_kind(database)),
        "temporary": locate_storage(tempfile.gettempdir()),
    }
    if sources:
        places["source"] = locate_storage(os.fsdecode(sources[0]))
    return places


def _server_kind(database: PostgresAddress) -> str:
    return "local server" if database.is_local else "server"
