"""The status of a result: its inventory, the progress of its runs, what failed, and what is left."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.run_history import (
    CatalogCounts,
    FailureGroup,
    RunRecord,
    committed_by_run,
    committed_since,
    count_catalog,
    failure_groups,
    is_empty_catalog,
    recent_runs,
    run_settings,
)
from midiprism.catalog.reader import Snapshots
from midiprism.errors import CatalogError
from midiprism.results.lock import is_locked
from midiprism.results.result_dir import (
    catalog_address,
    names_other_catalog,
    open_catalog_of,
    open_snapshots_of,
)

if TYPE_CHECKING:  # which loads SQLAlchemy
    from midiprism.catalog import Catalog

T = TypeVar("T")

MAX_EXAMPLES = 3
_RATE_WINDOW_SECONDS = 60.0
_COUNT_INTERVAL_FACTOR = 10  # while a result is watched, counting takes at most a tenth of the time
_ENDED_STATES = ("done", "interrupted", "stopped", "undone")


@dataclass(frozen=True, slots=True)
class LiveRate:
    """The rate of an active run, or of all active runs together.

    Attributes:
        rate: songs that got an outcome per second, over the last minute.
        eta_seconds: until the run is done at this rate; None if that is not known.
        seconds_since_commit: since its last commit, or its start.
    """

    rate: float
    eta_seconds: float | None
    seconds_since_commit: float


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as it was recorded, together with what it has committed since its last record.

    Attributes:
        state: ``running``, ``done``, ``interrupted``, ``stopped`` or ``cut off``.
        started_at: UTC, ISO 8601.
        seconds: duration so far; ``loading_seconds`` of it until the splitter was loaded.
        songs_total: songs in its sources; None if they were not counted to the end.
        rate: songs looked at per second, skipped ones included, without the time to compile the splitter.
        workers: as requested; None for as many as there are processors.
        batch_size: as requested; None for the default.
        sources: absolute paths; they were opened with ``source_options``.
        decisions: changes of the tunables during the run, in terms of JSON.
        command: ``split``, ``forget``, ``undo`` for the undo of a removal, or ``repair``.
        songs_removed: songs that a prune or a removal removed.
        live_rate: None if the run is not active.
    """

    id: int
    state: str
    started_at: str
    seconds: float
    songs_total: int | None
    songs_seen: int
    songs_done: int
    songs_skipped: int
    songs_failed: int
    folders_failed: int
    tracks: int
    tracks_new: int
    bytes_written: int
    rate: float
    workers: int | None
    batch_size: int | None
    sources: tuple[str, ...]
    source_options: tuple[str, ...]
    decisions: tuple[dict[str, Any], ...] = ()
    loading_seconds: float = 0.0
    command: str = "split"
    songs_removed: int = 0
    live_rate: LiveRate | None = None

    @property
    def songs_left(self) -> int | None:
        """Songs that were not looked at; None if they were not counted."""
        if self.state == "done":
            return 0
        return None if self.songs_total is None else max(0, self.songs_total - self.songs_seen)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The contents of a catalog.

    Attributes:
        failures: by reason, the most frequent first; without songs that no path holds any more.
        failed_sources: sources, and their options, of the runs with these failures.
        counted_at: when the contents were counted, by ``time.monotonic``.
        count_seconds: how long counting took.
    """

    counts: CatalogCounts = field(default_factory=CatalogCounts)
    failures: tuple[FailureGroup, ...] = ()
    failed_sources: tuple[str, ...] = ()
    counted_at: float = 0.0
    count_seconds: float = 0.0

    @property
    def songs(self) -> int:
        return sum(self.counts.outcomes.values())

    @property
    def duplicate_share(self) -> float:
        """Share of links to a track that an earlier link has too: 0 to 1."""
        links = self.counts.links
        return max(0.0, (links - self.counts.tracks) / links) if links else 0.0


NOT_COUNTED = Inventory()
"""For ``read_status`` where only the runs are of interest: counting takes seconds for millions of links."""


@dataclass(frozen=True, slots=True)
class ResultStatus:
    """The status of a result.

    Attributes:
        runs: the last runs and all active ones, the latest first. Empty if nothing is recorded yet.
        locked: whether a process holds the result for writing, which it does before it records a run.
    """

    inventory: Inventory
    runs: tuple[RunStatus, ...]
    locked: bool

    @property
    def active_runs(self) -> tuple[RunStatus, ...]:
        """The active runs; several may share a catalog in PostgreSQL."""
        return tuple(run for run in self.runs if run.live_rate is not None)

    @property
    def is_running(self) -> bool:
        return bool(self.active_runs)

    @property
    def live_rate(self) -> LiveRate | None:
        """The sum of the rates of all active runs, and the longest of their times; None without one."""
        rates = [run.live_rate for run in self.active_runs if run.live_rate is not None]
        if not rates:
            return None
        etas = [rate.eta_seconds for rate in rates if rate.eta_seconds is not None]
        return LiveRate(
            sum(rate.rate for rate in rates),
            max(etas) if len(etas) == len(rates) else None,
            min(rate.seconds_since_commit for rate in rates),
        )

    @property
    def last_run(self) -> RunStatus | None:
        """The last run that was not undone; None without any."""
        return next((run for run in self.runs if run.state != "undone"), None)

    @property
    def songs_left(self) -> int | None:
        """Songs that the last run has not looked at: 0 if it is done, None if they were not counted."""
        return self.last_run.songs_left if self.last_run else None

    @property
    def resume_arguments(self) -> tuple[str, ...] | None:
        """Sources and options of the last run if it reads sources and can be resumed, else None."""
        run = self.last_run
        if run is None or self.is_running or self.locked or run.state == "done":
            return None
        return (run.sources + run.source_options) or None


def open_catalog_if_any(
    out: str, database: PostgresAddress | None = None
) -> "AbstractContextManager[Catalog | None]":
    """Open the catalog of the result in ``out`` for reading; give None if its run ended before it made one.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        CatalogError: the catalog cannot be read.
    """
    return _open_if_any(open_catalog_of, out, database)


def open_snapshots_if_any(
    out: str, database: PostgresAddress | None = None
) -> AbstractContextManager[Snapshots | None]:
    """Open the catalog to read snapshots of it, else like ``open_catalog_if_any``."""
    return _open_if_any(open_snapshots_of, out, database)


@contextmanager
def _open_if_any(
    opener: Callable[[str, PostgresAddress | None], AbstractContextManager[T]],
    out: str,
    database: PostgresAddress | None,
) -> Iterator[T | None]:
    with ExitStack() as stack:
        opened = None
        try:
            opened = stack.enter_context(opener(out, database))
        except CatalogError:
            if not is_empty_catalog(catalog_address(out, database)) or names_other_catalog(out, database):
                raise
        yield opened


def read_status(
    out: str,
    run_limit: int = 5,
    inventory: Inventory | None = None,
    database: PostgresAddress | None = None,
) -> ResultStatus:
    """Return the status of the result in ``out``. Nothing is written, and an active run is not disturbed.

    Args:
        run_limit: number of the last runs to return.
        inventory: counted before, to be used instead of counting again.
        database: where the catalog is; None for a file in the result.

    Raises:
        UsageError: ``out`` holds no result, or its catalog is elsewhere.
        CatalogError: its catalog cannot be read.
    """
    shared = database is not None
    with open_snapshots_if_any(out, database) as snapshots:
        if snapshots is None:
            return ResultStatus(Inventory(), (), is_locked(out))
        records, locked = _read_runs(snapshots, out, run_limit, shared=shared)
        now = _now()
        runs = []
        for number, record in enumerate(records):
            # In a shared catalog an active run renews its record; else a process holds the result.
            alive = (shared and record.is_active) or (number == 0 and locked)
            runs.append(_run_status(snapshots, record, now, alive=alive and record.state == "running"))
        return ResultStatus(inventory or _count_inventory(snapshots), tuple(runs), locked)


def watch_status(
    out: str, run_limit: int, interval_seconds: float, database: PostgresAddress | None = None
) -> Iterator[ResultStatus]:
    """Yield the status of the result at intervals, until no process holds it any more.

    The inventory, which may take long to count, is not counted every time, but it is for the last status.
    """
    inventory = None
    while True:
        status = read_status(out, run_limit, inventory, database)
        has_ended = not status.is_running and not status.locked
        if has_ended and inventory is not None:
            status = read_status(out, run_limit, None, database)
        yield status
        if has_ended:
            return
        time.sleep(interval_seconds)
        last = status.inventory
        stale = (
            not status.runs
            or time.monotonic() - last.counted_at >= _COUNT_INTERVAL_FACTOR * last.count_seconds
        )
        inventory = None if stale else last


def _read_runs(
    snapshots: Snapshots, out: str, run_limit: int, *, shared: bool
) -> tuple[list[RunRecord], bool]:
    """Return the last runs, and whether ``out`` is locked; without a lock, a ``running`` run was cut off.

    In a shared catalog, where a run may be on another machine, one whose record expired was cut off as well.
    """
    records = _last_runs(snapshots, run_limit)
    while True:
        unfinished = bool(records) and records[0].state == "running" and not records[0].is_active
        # A run gives its catalog up before its last work, and the folder after it has recorded its end.
        locked = is_locked(out, run_recorded=unfinished, by_several=unfinished and shared)
        if locked or not unfinished:
            return records, locked
        # The run may have ended in between, which it records before it unlocks; or another may have begun.
        before, records = records[0].id, _last_runs(snapshots, run_limit)
        if records[0].id == before:
            return records, locked


def _last_runs(snapshots: Snapshots, run_limit: int) -> list[RunRecord]:
    with snapshots() as reader:
        return recent_runs(reader, run_limit)


def _count_inventory(snapshots: Snapshots) -> Inventory:
    started = time.monotonic()
    with snapshots() as reader:
        counts = count_catalog(reader)
        failed = failure_groups(reader, MAX_EXAMPLES)
        recorded = run_settings(reader, set().union(*(group.run_ids for group in failed)))
    sources = dict.fromkeys(
        source
        for settings in recorded
        for source in _texts(settings, "sources") + _texts(settings, "source_options")
    )
    ended = time.monotonic()
    return Inventory(counts, tuple(failed), tuple(sources), ended, ended - started)


def _run_status(snapshots: Snapshots, row: RunRecord, now: datetime, *, alive: bool) -> RunStatus:
    state = row.state if row.state != "running" or alive else "cut off"
    totals, settings = row.totals, row.settings
    done, tracks, tracks_new, written = (
        int(totals.get(key) or 0) for key in ("songs_done", "tracks", "tracks_new", "bytes_written")
    )
    seen, seconds = int(totals.get("songs_seen") or 0), float(totals.get("seconds") or 0)
    if state not in _ENDED_STATES:  # a run is recorded once a second only
        last = row.updated_at
        with snapshots() as reader:
            committed = committed_by_run(reader, row.id)
        if committed is not None and committed.songs > done:
            seen += committed.songs - done
            done, tracks, tracks_new = committed.songs, committed.links, committed.tracks_new
            written = committed.bytes_written
        if committed is not None:
            last = max(last, committed.last_commit_at)
        seconds = _seconds_between(row.started_at, now if alive else datetime.fromisoformat(last))
    working_seconds = seconds - float(totals.get("compiling_seconds") or 0)
    run = RunStatus(
        id=row.id,
        state=state,
        started_at=row.started_at,
        seconds=seconds,
        songs_total=totals.get("songs_total"),
        songs_seen=seen,
        songs_done=done,
        songs_skipped=int(totals.get("songs_skipped") or 0),
        songs_failed=int(totals.get("songs_failed") or 0),
        folders_failed=int(totals.get("folders_failed") or 0),
        tracks=tracks,
        tracks_new=tracks_new,
        bytes_written=written,
        rate=seen / working_seconds if working_seconds > 0 else 0.0,
        workers=settings.get("workers"),
        batch_size=settings.get("batch_size"),
        sources=_texts(settings, "sources"),
        source_options=_texts(settings, "source_options"),
        decisions=tuple(totals.get("decisions") or ()),
        loading_seconds=float(totals.get("loading_seconds") or 0),
        command=settings.get("command", "split"),
        songs_removed=int(totals.get("songs_removed") or 0),
    )
    return replace(run, live_rate=_measure_rate(snapshots, run, now)) if alive else run


def _measure_rate(snapshots: Snapshots, run: RunStatus, now: datetime) -> LiveRate:
    window = max(0.001, min(_RATE_WINDOW_SECONDS, run.seconds))
    since = (now - timedelta(seconds=window)).isoformat(timespec="milliseconds")
    with snapshots() as reader:
        commits, songs = committed_since(reader, run.id, since)
        committed = committed_by_run(reader, run.id)
    rate = songs / window
    # If all songs that were opened lately were known, they got no outcome, and the rate is 0.
    speed = rate or (run.rate if commits else 0.0)
    eta = run.songs_left / speed if run.songs_left is not None and speed > 0 else None
    last_commit_at = committed.last_commit_at if committed else run.started_at
    return LiveRate(rate, eta, _seconds_between(last_commit_at, now))


def _texts(settings: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(settings.get(key) or ())


def _now() -> datetime:
    return datetime.now(UTC)


def _seconds_between(start: str, end: datetime) -> float:
    return max(0.0, (end - datetime.fromisoformat(start)).total_seconds())
