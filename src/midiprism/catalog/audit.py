"""What the catalogue says, looked at piece by piece to check it: memory does not grow with the library."""

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, true

from midiprism.catalog.catalog import Catalog, unlinked
from midiprism.catalog.errors import translated
from midiprism.catalog.migrate import NoCatalogError
from midiprism.catalog.records import OUTCOMES
from midiprism.catalog.schema import parent_paths, parents, runs, track_splits, tracks
from midiprism.catalog.sqlite_file import open_for_reading
from midiprism.errors import CatalogError

_PAGE = 1_000
_STRETCH = 2_000
_STEPS = 100_000  # of SQLite's machine between two questions whether to stop
_NUMBERS = 1 << 32  # of the first four bytes of a digest
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WITH_TRACKS = ("split", "repaired")


class TrackFile(NamedTuple):
    """A track's row, as far as it speaks of its file."""

    id: int
    digest: bytes
    size: int
    family: str
    stem: str
    digits: int


class PathRow(NamedTuple):
    """A path under which a parent was seen."""

    path: bytes
    parent_id: int
    root_length: int


class BrokenParent(NamedTuple):
    """A parent whose links are not what its row says.

    Attributes:
        path: the bytewise smallest of its paths; None without one.
        links: how many it has; ``lost`` of them lead to no track.
    """

    id: int
    path: bytes | None
    splits: int
    outcome: str
    links: int
    lost: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of a catalogue: all of it by default.

    Attributes:
        share: of all digests and of all parents, more than 0 and at most 1.
        start: where in their order the share begins, from 0 to 1; it wraps around.
        first_run: only what this run or a later one recorded.
    """

    share: float = 1.0
    start: float = 0.0
    first_run: int | None = None

    @property
    def sampled(self) -> bool:
        return self.share < 1

    def stretches(self, first: int, last: int) -> list[tuple[int, int]]:
        """The share of the numbers from ``first`` to ``last``, ends included; two where it wraps around."""
        return _stretches(self, first, last)

    def digests(self) -> list[tuple[int, int]]:
        """The stretches of the first four bytes of the digests, ends included."""
        return _stretches(self, 0, _NUMBERS - 1)


def find_damage(path: str, stop: Callable[[], bool]) -> str | None:
    """What is wrong with a file of SQLite as a database; None where it is sound.

    Raises:
        CatalogError: there is none, it cannot be opened for another reason, or ``stop`` came true.
    """
    try:
        connection = open_for_reading(path)
        try:
            driver: Any = connection.connection.dbapi_connection
            driver.set_progress_handler(stop, _STEPS)
            with translated(path):
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        finally:
            connection.close()
    except CatalogError as error:
        if is_damage(error):
            return str(error)
        raise
    return None if found == "ok" else f"The catalogue {path} is damaged: {found}."


def is_damage(error: CatalogError) -> bool:
    """Whether an error says that the catalogue's file is damaged."""
    if isinstance(error, NoCatalogError):
        return True
    cause = getattr(error.__cause__, "orig", error.__cause__)
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _DAMAGED


class Audit:
    """Looks at a catalogue, by short statements: a run that writes meanwhile is not held up.

    Args:
        catalog: open, to read at least.
        scope: which part of it.
    """

    def __init__(self, catalog: Catalog, scope: Scope) -> None:
        self._catalog = catalog
        self._scope = scope
        self._since = true() if scope.first_run is None else parents.c.run_id >= scope.first_run
        self._tracks_since = true() if scope.first_run is None else tracks.c.run_id >= scope.first_run

    def ended_by(self, stop: Callable[[], bool]) -> AbstractContextManager[None]:
        """Ends a statement that takes long, by a CatalogError, once ``stop`` is true."""
        return self._catalog.ended_by(stop)

    def last_run(self) -> str | None:
        """How the last run ended; None without any."""
        found = self._all(select(runs.c.state).order_by(runs.c.id.desc()).limit(1))
        return found[0][0] if found else None

    def first_run_since(self, started: str) -> int:
        """The first run that started at this time (UTC, ISO 8601) or later; one to come if there is none."""
        return self._scalar(select(func.min(runs.c.id)).where(runs.c.started_at >= started)) or (
            (self._scalar(select(func.max(runs.c.id))) or 0) + 1
        )

    def count_tracks(self) -> int:
        """How many tracks there are in the scope."""
        return sum(
            self._scalar(select(func.count()).select_from(tracks).where(self._tracks_since, *within)) or 0
            for within in self._windows()
        )

    def count_parents(self) -> int:
        """How many parents there are in the scope."""
        return sum(
            self._scalar(
                select(func.count()).select_from(parents).where(self._since, parents.c.id.between(low, high))
            )
            or 0
            for low, high in self._parent_stretches()
        )

    def tracks(self) -> Iterator[Sequence[TrackFile]]:
        """The tracks in the scope, page by page: all in the order they were added, a sample by digest."""
        key = tracks.c.digest if self._scope.sampled else tracks.c.id
        for within in self._windows():
            beyond: ColumnElement[bool] = true()
            wanted = _track().where(self._tracks_since, *within).order_by(key).limit(_PAGE)
            while page := [TrackFile(*row) for row in self._all(wanted.where(beyond))]:
                yield page
                beyond = key > (page[-1].digest if self._scope.sampled else page[-1].id)

    def tracks_numbered(self, numbers: Iterable[str]) -> dict[str, list[TrackFile]]:
        """The tracks whose digests begin with these hex digits, 32 or 64 each."""
        found: dict[str, list[TrackFile]] = {number: [] for number in numbers}
        ranges = []
        for number in found:
            low = bytes.fromhex(number)
            ranges.append((low, low + b"\xff" * (32 - len(low))))
        rows = self._catalog.do(lambda: self._catalog.rows_between(_TRACK, tracks.c.digest, ranges))
        for track in (TrackFile(*row) for row in rows):
            digits = track.digest.hex()
            for number in (digits, digits[: len(digits) // 2]):
                if number in found:
                    found[number].append(track)
        return found

    def unlinked(self) -> Iterator[Sequence[TrackFile]]:
        """The tracks that no song links to; not of a sample, since that takes looking at all links."""
        # One statement, in which the database goes through the links once: pages would do so again and again.
        connection = self._catalog.connection
        wanted = _track().where(self._tracks_since, unlinked())
        with translated(self._catalog.path), connection.begin():
            result = connection.execute(wanted.execution_options(yield_per=_PAGE))
            try:
                for page in result.partitions():
                    yield [TrackFile(*row) for row in page]
            finally:
                result.close()

    def stretches(self) -> Iterator[tuple[int, int]]:
        """The numbers of the parents in the scope, in stretches of about as many each."""
        for low, high in self._parent_stretches():
            while low <= high:
                following = (
                    select(parents.c.id).where(parents.c.id > low).order_by(parents.c.id).offset(_STRETCH)
                )
                end = min(high, (self._scalar(following.limit(1)) or high + 1) - 1)
                yield low, end
                low = end + 1

    def count_links(self, low: int, high: int) -> tuple[int, int, int]:
        """Of a stretch: parents, links, and parents without a path, since others came to be at theirs."""
        whose = and_(parents.c.id.between(low, high), self._since)
        link, path = track_splits.c, parent_paths.c
        pathless = ~exists().where(path.parent_id == parents.c.id)
        return (
            self._scalar(select(func.count()).select_from(parents).where(whose)) or 0,
            self._scalar(
                select(func.count())
                .select_from(track_splits.join(parents, parents.c.id == link.parent_id))
                .where(whose)
            )
            or 0,
            self._scalar(select(func.count()).select_from(parents).where(whose, pathless)) or 0,
        )

    def broken_parents(self, low: int, high: int) -> list[BrokenParent]:
        """Of a stretch: parents whose links are too few, too many, misplaced, or lead to no track."""
        link = track_splits.c
        links, lost = func.count(link.position), func.count(link.position).filter(tracks.c.id.is_(None))
        with_tracks = parents.c.outcome.in_(_WITH_TRACKS)
        wanted = (
            select(parents.c.id, parents.c.splits, parents.c.outcome, links, lost)
            .select_from(
                parents.outerjoin(track_splits, link.parent_id == parents.c.id).outerjoin(
                    tracks, tracks.c.id == link.track_id
                )
            )
            .where(parents.c.id.between(low, high), self._since)
            .group_by(parents.c.id)
            .having(
                or_(
                    links != parents.c.splits,
                    and_(links > 0, or_(func.min(link.position) != 0, func.max(link.position) != links - 1)),
                    lost > 0,
                    with_tracks & (parents.c.splits == 0),
                    not_(with_tracks) & (parents.c.splits != 0),
                    parents.c.outcome.not_in(OUTCOMES),
                )
            )
        )
        return [
            BrokenParent(number, next(iter(self.paths(number)), _NOWHERE).path or None, *rest)
            for number, *rest in self._all(wanted)
        ]

    def lost_parents(self, low: int, high: int) -> list[tuple[int, int]]:
        """Of a stretch: numbers of parents that links speak of and that are not there, and how many links."""
        number = track_splits.c.parent_id
        return [
            (row[0], row[1])
            for row in self._all(
                select(number, func.count())
                .where(number.between(low, high), ~exists().where(parents.c.id == number))
                .group_by(number)
            )
        ]

    def lost_paths(self, low: int, high: int) -> list[PathRow]:
        """Of a stretch: paths of parents that are not there."""
        number = parent_paths.c.parent_id
        return self._paths(number.between(low, high), ~exists().where(parents.c.id == number))

    def paths(self, parent_id: int) -> list[PathRow]:
        """The paths of a parent, smallest first."""
        return self._paths(parent_paths.c.parent_id == parent_id)

    def parent_digest(self, parent_id: int) -> bytes | None:
        """The digest of a parent's content; None where there is no such parent, or it was never read."""
        found: bytes | None = self._scalar(select(parents.c.digest).where(parents.c.id == parent_id))
        return found

    def songs_of(self, track_ids: Sequence[int]) -> dict[int, list[bytes]]:
        """Paths of songs that link to a few tracks; looks at all links."""
        found: dict[int, list[bytes]] = {}
        link, path = track_splits.c, parent_paths.c
        if track_ids:
            wanted = (
                select(link.track_id, path.path)
                .join(parent_paths, path.parent_id == link.parent_id)
                .where(link.track_id.in_(track_ids))
                .order_by(path.path)
                .limit(_PAGE)
            )
            for number, name in self._all(wanted):
                if name not in found.setdefault(number, []):
                    found[number].append(name)
        return found

    def _paths(self, *conditions: ColumnElement[bool]) -> list[PathRow]:
        path = parent_paths.c
        wanted = select(path.path, path.parent_id, path.root_length).where(*conditions).order_by(path.path)
        return [PathRow(*row) for row in self._all(wanted)]

    def _windows(self) -> Iterator[list[ColumnElement[bool]]]:
        """Conditions on tracks: none for all, else one stretch of digests after the other."""
        if not self._scope.sampled:
            yield []
            return
        for low, high in self._scope.digests():
            yield [tracks.c.digest.between(low.to_bytes(4, "big"), high.to_bytes(4, "big") + b"\xff" * 28)]

    def _parent_stretches(self) -> list[tuple[int, int]]:
        """The numbers of the parents in the scope, and of those that rows speak of and that are lost."""
        columns = (parents.c.id, track_splits.c.parent_id, parent_paths.c.parent_id)
        ends = [(self._scalar(select(func.min(it))), self._scalar(select(func.max(it)))) for it in columns]
        there = [(low, high) for low, high in ends if low is not None]
        if not there:
            return []
        return _stretches(self._scope, min(low for low, _ in there), max(high for _, high in there))

    def _all(self, wanted: Select[Any]) -> Sequence[Any]:
        return self._catalog.do(lambda: self._catalog.connection.execute(wanted).fetchall())

    def _scalar(self, wanted: Select[Any]) -> Any:
        return self._catalog.do(lambda: self._catalog.connection.scalar(wanted))


_NOWHERE = PathRow(b"", 0, 0)
_TRACK = tuple(tracks.c[name] for name in TrackFile._fields)


def _track() -> Select[Any]:
    return select(*_TRACK)


def _stretches(scope: Scope, first: int, last: int) -> list[tuple[int, int]]:
    """The share of the numbers from ``first`` to ``last`` that is in the scope; two where it wraps around."""
    count = last - first + 1
    if not scope.sampled:
        return [(first, last)]
    low = first + min(count - 1, int(scope.start * count))
    high = low + max(1, math.ceil(scope.share * count)) - 1
    return [(low, high)] if high <= last else [(low, last), (first, min(low - 1, high - count))]
