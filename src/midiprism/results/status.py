"""How a result stands: what it holds, what its runs did and how far they are, what failed, what is left."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from midiprism.catalog import Catalog, PostgresAddress
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
from midiprism.errors import CatalogError
from midiprism.results.lock import LOCK_FILE
from midiprism.results.result_dir import catalog_address, open_catalog_of

MAX_EXAMPLES = 3
_RATE_WINDOW_SECONDS = 60.0
_COUNT_INTERVAL_FACTOR = 10  # while it is watched, counting takes at most a tenth of the time
_ENDED_STATES = ("done", "interrupted", "stopped", "undone")


@dataclass(frozen=True, slots=True)
class LiveRate:
    """How fast a run goes that is on, or all of them together.

    Attributes:
        rate: songs that got an outcome per second, over the last minute.
        eta_seconds: until it is done, if it goes on so; None where nobody knows.
        quiet_seconds: since its last commit, or its beginning.
    """

    rate: float
    eta_seconds: float | None
    seconds_since_commit: float


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as it was recorded, with what it committed without having told it.

    Attributes:
        state: ``running``, ``done``, ``interrupted``, ``stopped`` or ``cut off``.
        started_at: UTC, ISO 8601.
        seconds: how long it took, or has been on.
        songs_total: songs that there were for it; None where they were not counted to the end.
        rate: songs looked at per second, the skipped ones among them.
        workers: as asked for; None for as many as the machine has; ``batch_size_adjustable`` likewise.
        sources: absolute paths.
        reading: options of the command line that say how these are read.
        decisions: what was changed while it went on, in terms of JSON.
        pace: None where it is not on.
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
    live_rate: LiveRate | None = None

    @property
    def songs_left(self) -> int | None:
        """Songs that were still to come; None where they were not counted."""
        if self.state == "done":
            return 0
        return None if self.songs_total is None else max(0, self.songs_total - self.songs_seen)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is in the catalogue.

    Attributes:
        failures: by reason, the most frequent first; without contents that no path holds any more.
        failed_sources: what the runs were given in which they failed.
        at: when it was counted, by ``time.monotonic``; ``took`` is how long that took, in seconds.
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
        """Share of the tracks of songs that another one has as well: 0 to 1."""
        links = self.counts.links
        return max(0.0, (links - self.counts.tracks) / links) if links else 0.0


@dataclass(frozen=True, slots=True)
class ResultStatus:
    """How a result stands.

    Attributes:
        runs: the last runs and all that are on, the latest first. Without any, nothing is recorded yet.
        held: whether a process holds the result for writing alone, which it does before it records a run.
    """

    inventory: Inventory
    runs: tuple[RunStatus, ...]
    locked: bool

    @property
    def active_runs(self) -> tuple[RunStatus, ...]:
        """The runs that are on: of those that share a catalogue in PostgreSQL there may be several."""
        return tuple(run for run in self.runs if run.live_rate is not None)

    @property
    def is_running(self) -> bool:
        return bool(self.active_runs)

    @property
    def live_rate(self) -> LiveRate | None:
        """Of all runs that are on: the sum of their rates, the longest of their times; None where none is."""
        paces = [run.live_rate for run in self.active_runs if run.live_rate is not None]
        if not paces:
            return None
        etas = [pace.eta_seconds for pace in paces if pace.eta_seconds is not None]
        return LiveRate(
            sum(pace.rate for pace in paces),
            max(etas) if len(etas) == len(paces) else None,
            min(pace.seconds_since_commit for pace in paces),
        )

    @property
    def songs_left(self) -> int | None:
        """Songs that the last run had still to come to: 0 if it is done, None where nobody counted them."""
        return self.runs[0].songs_left if self.runs else None

    @property
    def resume_arguments(self) -> tuple[str, ...] | None:
        """What the last run was given, if it ended before it was done and none is on; else None."""
        if not self.runs or self.is_running or self.locked or self.runs[0].state == "done":
            return None
        return self.runs[0].sources + self.runs[0].source_options


@contextmanager
def open_catalog_if_any(out: str, database: PostgresAddress | None = None) -> Iterator[Catalog | None]:
    """The catalogue of the result in ``out``; None if its run was ended before there was one.

    Raises:
        UsageError: ``out`` holds no result, or its catalogue is elsewhere.
        CatalogError: the catalogue cannot be read.
    """
    with ExitStack() as stack:
        catalog = None
        try:
            catalog = stack.enter_context(open_catalog_of(out, database))
        except CatalogError:
            if not is_empty_catalog(catalog_address(out, database)):
                raise
        yield catalog


def read_status(
    out: str,
    run_limit: int = 5,
    inventory: Inventory | None = None,
    database: PostgresAddress | None = None,
) -> ResultStatus:
    """Read how the result in ``out`` stands. Nothing is written, and a run that is on is not disturbed.

    Args:
        runs: how many of the last runs to tell.
        holdings: what was counted before, instead of counting again.
        database: where the catalogue is; None for a file in the result.

    Raises:
        UsageError: ``out`` holds no result, or its catalogue is elsewhere.
        CatalogError: its catalogue cannot be read.
    """
    with open_catalog_if_any(out, database) as catalog:
        if catalog is None:
            return ResultStatus(Inventory(), (), _is_locked(out))
        rows, held = _read_runs(catalog, out, run_limit)
        now = _now()
        told = []
        for number, row in enumerate(rows):
            # A run that shares its catalogue tells so there; else it is on while a process holds the result.
            alive = row.is_active if catalog.shared else number == 0 and held
            told.append(_run_status(catalog, row, now, alive=alive and row.state == "running"))
        return ResultStatus(inventory or _count_inventory(catalog), tuple(told), held)


def watch_status(
    out: str, run_limit: int, interval_seconds: float, database: PostgresAddress | None = None
) -> Iterator[ResultStatus]:
    """How the result stands, again and again, until no process holds it any more.

    What takes long to count is not counted every time, but it is for the last one.
    """
    holdings = None
    while True:
        status = read_status(out, run_limit, holdings, database)
        over = not status.is_running and not status.locked
        if over and holdings is not None:
            status = read_status(out, run_limit, None, database)
        yield status
        if over:
            return
        time.sleep(interval_seconds)
        last = status.inventory
        stale = (
            not status.runs
            or time.monotonic() - last.counted_at >= _COUNT_INTERVAL_FACTOR * last.count_seconds
        )
        holdings = None if stale else last


def _read_runs(catalog: Catalog, out: str, run_limit: int) -> tuple[list[RunRecord], bool]:
    """The last runs, and whether ``out`` is held; if it is not, a last one that is running was cut off."""
    rows = _last_runs(catalog, run_limit)
    while True:
        recorded = bool(rows) and rows[0].state == "running" and not catalog.shared
        held = _is_locked(out, run_recorded=recorded)
        if held or not recorded:
            return rows, held
        # It may have ended in between, and it says so before it lets go; or the next one may have begun.
        before, rows = rows[0].id, _last_runs(catalog, run_limit)
        if rows[0].id == before:
            return rows, held


def _last_runs(catalog: Catalog, run_limit: int) -> list[RunRecord]:
    with catalog.read_transaction() as connection:
        return recent_runs(connection, run_limit)


def _count_inventory(catalog: Catalog) -> Inventory:
    started = time.monotonic()
    with catalog.read_transaction() as connection:
        counts = count_catalog(connection)
        failed = failure_groups(connection, MAX_EXAMPLES)
        asked = run_settings(connection, set().union(*(group.run_ids for group in failed)))
    sources = dict.fromkeys(
        source for settings in asked for source in _sources_of(settings) + _source_options_of(settings)
    )
    ended = time.monotonic()
    return Inventory(counts, tuple(failed), tuple(sources), ended, ended - started)


def _run_status(catalog: Catalog, row: RunRecord, now: datetime, *, alive: bool) -> RunStatus:
    state = row.state if row.state != "running" or alive else "cut off"
    totals, settings = row.totals, row.settings
    done, tracks, tracks_new, written = (
        int(totals.get(key) or 0) for key in ("songs_done", "tracks", "tracks_new", "bytes_written")
    )
    seen, seconds = int(totals.get("songs_seen") or 0), float(totals.get("seconds") or 0)
    if state not in _ENDED_STATES:  # it tells once a second only
        last = row.updated_at
        with catalog.read_transaction() as connection:
            real = committed_by_run(connection, row.id)
        if real is not None and real.songs > done:
            seen += real.songs - done
            done, tracks, tracks_new, written = real.songs, real.links, real.tracks_new, real.bytes_written
        if real is not None:
            last = max(last, real.last_commit_at)
        seconds = _seconds_between(row.started_at, now if alive else _parse_time(last))
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
        rate=seen / seconds if seconds > 0 else 0.0,
        workers=settings.get("workers"),
        batch_size=settings.get("batch_size"),
        sources=_sources_of(settings),
        source_options=_source_options_of(settings),
        decisions=tuple(totals.get("decisions") or ()),
    )
    return replace(run, live_rate=_measure_rate(catalog, run, now)) if alive else run


def _measure_rate(catalog: Catalog, run: RunStatus, now: datetime) -> LiveRate:
    window = max(0.001, min(_RATE_WINDOW_SECONDS, run.seconds))
    since = (now - timedelta(seconds=window)).isoformat(timespec="milliseconds")
    with catalog.read_transaction() as connection:
        commits, songs = committed_since(connection, run.id, since)
        ever = committed_by_run(connection, run.id)
    rate = songs / window
    # Where all that was opened lately was known, songs pass without an outcome.
    speed = rate or (run.rate if commits else 0.0)
    eta = run.songs_left / speed if run.songs_left is not None and speed > 0 else None
    return LiveRate(rate, eta, _seconds_between(ever.last_commit_at if ever else run.started_at, now))


def _sources_of(settings: dict[str, Any]) -> tuple[str, ...]:
    return tuple(settings.get("sources") or ())


def _source_options_of(settings: dict[str, Any]) -> tuple[str, ...]:
    return tuple(settings.get("reading") or ())


def _now() -> datetime:
    return datetime.now(UTC)


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _seconds_between(start: str, end: datetime) -> float:
    return max(0.0, (end - _parse_time(start)).total_seconds())


def _is_locked(out: str, *, run_recorded: bool = False) -> bool:
    """Whether a process holds ``out`` for writing.

    Its lock is asked for in a way that others may share, without waiting, and let go at once. An empty file
    says that nobody is known to hold it; then it is left alone unless a run is ``recorded`` as running.
    """
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(os.path.join(out, LOCK_FILE), flags)
    except FileNotFoundError:
        return False
    except OSError:  # nobody can tell: what is recorded holds
        return run_recorded
    try:
        if not run_recorded and os.fstat(descriptor).st_size == 0:
            return False
        return _is_lock_taken(descriptor)
    except OSError:
        return run_recorded
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    from midiprism.results.lock import _WINDOWS_LOCK_OFFSET

    def _is_lock_taken(descriptor: int) -> bool:
        os.lseek(descriptor, _WINDOWS_LOCK_OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return True
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False
else:
    import fcntl

    def _is_lock_taken(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
