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
from midiprism.catalog.history import (
    Counts,
    FailureGroup,
    RunRow,
    committed,
    committed_since,
    count,
    failures,
    holds_nothing,
    last_runs,
    settings_of,
)
from midiprism.errors import CatalogError
from midiprism.run.lock import LOCK
from midiprism.run.result import catalog_address, catalog_of

EXAMPLES = 3
_PACE_SECONDS = 60.0
_COUNTING_SHARE = 10  # while it is watched, counting takes at most a tenth of the time
_ENDED = ("done", "interrupted", "stopped", "undone")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes that is on, or all of them together.

    Attributes:
        rate: songs that got an outcome per second, over the last minute.
        eta_seconds: until it is done, if it goes on so; None where nobody knows.
        quiet_seconds: since its last commit, or its beginning.
    """

    rate: float
    eta_seconds: float | None
    quiet_seconds: float


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as it was recorded, with what it committed without having told it.

    Attributes:
        state: ``running``, ``done``, ``interrupted``, ``stopped`` or ``cut off``.
        started_at: UTC, ISO 8601.
        seconds: how long it took, or has been on.
        parents_total: songs that there were for it; None where they were not counted to the end.
        rate: songs looked at per second, the skipped ones among them.
        workers: as asked for; None for as many as the machine has; ``batch_size`` likewise.
        sources: absolute paths.
        reading: options of the command line that say how these are read.
        decisions: what was changed while it went on, in terms of JSON.
        pace: None where it is not on.
    """

    id: int
    state: str
    started_at: str
    seconds: float
    parents_total: int | None
    parents_seen: int
    parents_done: int
    parents_skipped: int
    parents_failed: int
    folders_failed: int
    tracks: int
    tracks_new: int
    bytes_written: int
    rate: float
    workers: int | None
    batch_size: int | None
    sources: tuple[str, ...]
    reading: tuple[str, ...]
    decisions: tuple[dict[str, Any], ...] = ()
    pace: Pace | None = None

    @property
    def left(self) -> int | None:
        """Songs that were still to come; None where they were not counted."""
        if self.state == "done":
            return 0
        return None if self.parents_total is None else max(0, self.parents_total - self.parents_seen)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is in the catalogue.

    Attributes:
        failures: by reason, the most frequent first; without contents that no path holds any more.
        failed_sources: what the runs were given in which they failed.
        at: when it was counted, by ``time.monotonic``; ``took`` is how long that took, in seconds.
    """

    counts: Counts = field(default_factory=Counts)
    failures: tuple[FailureGroup, ...] = ()
    failed_sources: tuple[str, ...] = ()
    at: float = 0.0
    took: float = 0.0

    @property
    def songs(self) -> int:
        return sum(self.counts.outcomes.values())

    @property
    def duplicates(self) -> float:
        """Share of the tracks of songs that another one has as well: 0 to 1."""
        links = self.counts.links
        return max(0.0, (links - self.counts.tracks) / links) if links else 0.0


@dataclass(frozen=True, slots=True)
class Status:
    """How a result stands.

    Attributes:
        runs: the last runs and all that are on, the latest first. Without any, nothing is recorded yet.
        held: whether a process holds the result for writing alone, which it does before it records a run.
    """

    holdings: Holdings
    runs: tuple[RunStatus, ...]
    held: bool

    @property
    def on(self) -> tuple[RunStatus, ...]:
        """The runs that are on: of those that share a catalogue in PostgreSQL there may be several."""
        return tuple(run for run in self.runs if run.pace is not None)

    @property
    def running(self) -> bool:
        return bool(self.on)

    @property
    def pace(self) -> Pace | None:
        """Of all runs that are on: the sum of their rates, the longest of their times; None where none is."""
        paces = [run.pace for run in self.on if run.pace is not None]
        if not paces:
            return None
        etas = [pace.eta_seconds for pace in paces if pace.eta_seconds is not None]
        return Pace(
            sum(pace.rate for pace in paces),
            max(etas) if len(etas) == len(paces) else None,
            min(pace.quiet_seconds for pace in paces),
        )

    @property
    def left(self) -> int | None:
        """Songs that the last run had still to come to: 0 if it is done, None where nobody counted them."""
        return self.runs[0].left if self.runs else None

    @property
    def to_go_on(self) -> tuple[str, ...] | None:
        """What the last run was given, if it ended before it was done and none is on; else None."""
        if not self.runs or self.running or self.held or self.runs[0].state == "done":
            return None
        return self.runs[0].sources + self.runs[0].reading


@contextmanager
def opened_to_read(out: str, database: PostgresAddress | None = None) -> Iterator[Catalog | None]:
    """The catalogue of the result in ``out``; None if its run was ended before there was one.

    Raises:
        UsageError: ``out`` holds no result, or its catalogue is elsewhere.
        CatalogError: the catalogue cannot be read.
    """
    with ExitStack() as stack:
        catalog = None
        try:
            catalog = stack.enter_context(catalog_of(out, database))
        except CatalogError:
            if not holds_nothing(catalog_address(out, database)):
                raise
        yield catalog


def read_status(
    out: str,
    runs: int = 5,
    holdings: Holdings | None = None,
    database: PostgresAddress | None = None,
) -> Status:
    """Read how the result in ``out`` stands. Nothing is written, and a run that is on is not disturbed.

    Args:
        runs: how many of the last runs to tell.
        holdings: what was counted before, instead of counting again.
        database: where the catalogue is; None for a file in the result.

    Raises:
        UsageError: ``out`` holds no result, or its catalogue is elsewhere.
        CatalogError: its catalogue cannot be read.
    """
    with opened_to_read(out, database) as catalog:
        if catalog is None:
            return Status(Holdings(), (), _held(out))
        rows, held = _settled(catalog, out, runs)
        now = _now()
        told = []
        for number, row in enumerate(rows):
            # A run that shares its catalogue tells so there; else it is on while a process holds the result.
            alive = row.alive if catalog.shared else number == 0 and held
            told.append(_run(catalog, row, now, alive=alive and row.state == "running"))
        return Status(holdings or _holdings(catalog), tuple(told), held)


def watched(out: str, runs: int, every: float, database: PostgresAddress | None = None) -> Iterator[Status]:
    """How the result stands, again and again, until no process holds it any more.

    What takes long to count is not counted every time, but it is for the last one.
    """
    holdings = None
    while True:
        status = read_status(out, runs, holdings, database)
        over = not status.running and not status.held
        if over and holdings is not None:
            status = read_status(out, runs, None, database)
        yield status
        if over:
            return
        time.sleep(every)
        last = status.holdings
        stale = not status.runs or time.monotonic() - last.at >= _COUNTING_SHARE * last.took
        holdings = None if stale else last


def _settled(catalog: Catalog, out: str, runs: int) -> tuple[list[RunRow], bool]:
    """The last runs, and whether ``out`` is held; if it is not, a last one that is running was cut off."""
    rows = _rows(catalog, runs)
    while True:
        recorded = bool(rows) and rows[0].state == "running" and not catalog.shared
        held = _held(out, recorded=recorded)
        if held or not recorded:
            return rows, held
        # It may have ended in between, and it says so before it lets go; or the next one may have begun.
        before, rows = rows[0].id, _rows(catalog, runs)
        if rows[0].id == before:
            return rows, held


def _rows(catalog: Catalog, runs: int) -> list[RunRow]:
    with catalog.view() as connection:
        return last_runs(connection, runs)


def _holdings(catalog: Catalog) -> Holdings:
    started = time.monotonic()
    with catalog.view() as connection:
        counts = count(connection)
        failed = failures(connection, EXAMPLES)
        asked = settings_of(connection, set().union(*(group.run_ids for group in failed)))
    sources = dict.fromkeys(
        source for settings in asked for source in _sources(settings) + _reading(settings)
    )
    ended = time.monotonic()
    return Holdings(counts, tuple(failed), tuple(sources), ended, ended - started)


def _run(catalog: Catalog, row: RunRow, now: datetime, *, alive: bool) -> RunStatus:
    state = row.state if row.state != "running" or alive else "cut off"
    totals, settings = row.totals, row.settings
    done, tracks, tracks_new, written = (
        int(totals.get(key) or 0) for key in ("parents_done", "tracks", "tracks_new", "bytes_written")
    )
    seen, seconds = int(totals.get("parents_seen") or 0), float(totals.get("seconds") or 0)
    if state not in _ENDED:  # it tells once a second only
        last = row.updated_at
        with catalog.view() as connection:
            real = committed(connection, row.id)
        if real is not None and real.parents > done:
            seen += real.parents - done
            done, tracks, tracks_new, written = real.parents, real.links, real.tracks_new, real.bytes_written
        if real is not None:
            last = max(last, real.last_at)
        seconds = _seconds(row.started_at, now if alive else _moment(last))
    run = RunStatus(
        id=row.id,
        state=state,
        started_at=row.started_at,
        seconds=seconds,
        parents_total=totals.get("parents_total"),
        parents_seen=seen,
        parents_done=done,
        parents_skipped=int(totals.get("parents_skipped") or 0),
        parents_failed=int(totals.get("parents_failed") or 0),
        folders_failed=int(totals.get("folders_failed") or 0),
        tracks=tracks,
        tracks_new=tracks_new,
        bytes_written=written,
        rate=seen / seconds if seconds > 0 else 0.0,
        workers=settings.get("workers"),
        batch_size=settings.get("batch_size"),
        sources=_sources(settings),
        reading=_reading(settings),
        decisions=tuple(totals.get("decisions") or ()),
    )
    return replace(run, pace=_pace(catalog, run, now)) if alive else run


def _pace(catalog: Catalog, run: RunStatus, now: datetime) -> Pace:
    window = max(0.001, min(_PACE_SECONDS, run.seconds))
    since = (now - timedelta(seconds=window)).isoformat(timespec="milliseconds")
    with catalog.view() as connection:
        commits, parents = committed_since(connection, run.id, since)
        ever = committed(connection, run.id)
    rate = parents / window
    # Where all that was opened lately was known, songs pass without an outcome.
    speed = rate or (run.rate if commits else 0.0)
    eta = run.left / speed if run.left is not None and speed > 0 else None
    return Pace(rate, eta, _seconds(ever.last_at if ever else run.started_at, now))


def _sources(settings: dict[str, Any]) -> tuple[str, ...]:
    return tuple(settings.get("sources") or ())


def _reading(settings: dict[str, Any]) -> tuple[str, ...]:
    return tuple(settings.get("reading") or ())


def _now() -> datetime:
    return datetime.now(UTC)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _seconds(start: str, end: datetime) -> float:
    return max(0.0, (end - _moment(start)).total_seconds())


def _held(out: str, *, recorded: bool = False) -> bool:
    """Whether a process holds ``out`` for writing.

    Its lock is asked for in a way that others may share, without waiting, and let go at once. An empty file
    says that nobody is known to hold it; then it is left alone unless a run is ``recorded`` as running.
    """
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(os.path.join(out, LOCK), flags)
    except FileNotFoundError:
        return False
    except OSError:  # nobody can tell: what is recorded holds
        return recorded
    try:
        if not recorded and os.fstat(descriptor).st_size == 0:
            return False
        return _refused(descriptor)
    except OSError:
        return recorded
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    from midiprism.run.lock import _FAR

    def _refused(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return True
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False
else:
    import fcntl

    def _refused(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
