"""What the catalogue says, looked at piece by piece to check it: memory does not grow with the library."""

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, true

from midiprism.catalog.catalog import Catalog, track_is_unlinked
from midiprism.catalog.errors import NoCatalogError, translate_errors
from midiprism.catalog.schema import links, runs, song_paths, songs, tracks
from midiprism.catalog.sqlite.file import open_for_reading
from midiprism.errors import CatalogError
from midiprism.records.outcomes import OUTCOMES

_PAGE_ROWS = 1_000
_SONGS_PER_RANGE = 2_000
_PROGRESS_STEPS = 100_000  # of SQLite's machine between two questions whether to stop
_DIGEST_PREFIXES = 1 << 32  # of the first four bytes of a digest
_CORRUPTION_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_OUTCOMES_WITH_TRACKS = ("split", "repaired")


class TrackFile(NamedTuple):
    """A track's row, as far as it speaks of its file."""

    id: int
    digest: bytes
    size: int
    family: str
    stem: str
    digest_digits: int


class SongPath(NamedTuple):
    """A path under which a song was seen."""

    path: bytes
    song_id: int
    root_length: int


class BrokenSong(NamedTuple):
    """A song whose links are not what its row says.

    Attributes:
        path: the bytewise smallest of its paths; None without one.
        links: how many it has; ``lost`` of them lead to no track.
    """

    id: int
    path: bytes | None
    link_count: int
    outcome: str
    links_found: int
    dangling_links: int


@dataclass(frozen=True, slots=True)
class VerifyScope:
    """Which part of a catalogue: all of it by default.

    Attributes:
        share: of all digests and of all songs, more than 0 and at most 1.
        start: where in their order the share begins, from 0 to 1; it wraps around.
        first_run: only what this run or a later one recorded.
    """

    share: float = 1.0
    start: float = 0.0
    first_run: int | None = None

    @property
    def is_sample(self) -> bool:
        return self.share < 1

    def ranges(self, first: int, last: int) -> list[tuple[int, int]]:
        """The share of the numbers from ``first`` to ``last``, ends included; two where it wraps around."""
        return _ranges_in_scope(self, first, last)

    def digest_ranges(self) -> list[tuple[int, int]]:
        """The stretches of the first four bytes of the digests, ends included."""
        return _ranges_in_scope(self, 0, _DIGEST_PREFIXES - 1)


def find_damage(path: str, stop: Callable[[], bool]) -> str | None:
    """What is wrong with a file of SQLite as a database; None where it is sound.

    Raises:
        CatalogError: there is none, it cannot be opened for another reason, or ``stop`` came true.
    """
    try:
        connection = open_for_reading(path)
        try:
            driver: Any = connection.connection.dbapi_connection
            driver.set_progress_handler(stop, _PROGRESS_STEPS)
            with translate_errors(path):
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
    return code is not None and (code & 0xFF) in _CORRUPTION_CODES


class IntegrityQueries:
    """Looks at a catalogue, by short statements: a run that writes meanwhile is not held up.

    Args:
        catalog: open, to read at least.
        scope: which part of it.
    """

    def __init__(self, catalog: Catalog, scope: VerifyScope) -> None:
        self._catalog = catalog
        self._scope = scope
        self._song_condition = true() if scope.first_run is None else songs.c.run_id >= scope.first_run
        self._track_condition = true() if scope.first_run is None else tracks.c.run_id >= scope.first_run

    def interruptible(self, stop: Callable[[], bool]) -> AbstractContextManager[None]:
        """Ends a statement that takes long, by a CatalogError, once ``stop`` is true."""
        return self._catalog.interruptible(stop)

    def last_run_state(self) -> str | None:
        """How the last run ended; None without any."""
        found = self._fetch_all(select(runs.c.state).order_by(runs.c.id.desc()).limit(1))
        return found[0][0] if found else None

    def first_run_since(self, started: str) -> int:
        """The first run that started at this time (UTC, ISO 8601) or later; one to come if there is none."""
        return self._fetch_scalar(select(func.min(runs.c.id)).where(runs.c.started_at >= started)) or (
            (self._fetch_scalar(select(func.max(runs.c.id))) or 0) + 1
        )

    def count_tracks(self) -> int:
        """How many tracks there are in the scope."""
        return sum(
            self._fetch_scalar(select(func.count()).select_from(tracks).where(self._track_condition, *within))
            or 0
            for within in self._digest_conditions()
        )

    def count_songs(self) -> int:
        """How many songs there are in the scope."""
        return sum(
            self._fetch_scalar(
                select(func.count())
                .select_from(songs)
                .where(self._song_condition, songs.c.id.between(low, high))
            )
            or 0
            for low, high in self._song_id_bounds()
        )

    def tracks(self) -> Iterator[Sequence[TrackFile]]:
        """The tracks in the scope, page by page: all in the order they were added, a sample by digest."""
        key = tracks.c.digest if self._scope.is_sample else tracks.c.id
        for within in self._digest_conditions():
            beyond: ColumnElement[bool] = true()
            wanted = _select_track().where(self._track_condition, *within).order_by(key).limit(_PAGE_ROWS)
            while page := [TrackFile(*row) for row in self._fetch_all(wanted.where(beyond))]:
                yield page
                beyond = key > (page[-1].digest if self._scope.is_sample else page[-1].id)

    def tracks_by_digest_prefix(self, prefixes: Iterable[str]) -> dict[str, list[TrackFile]]:
        """The tracks whose digests begin with these hex digits, 32 or 64 each."""
        found: dict[str, list[TrackFile]] = {number: [] for number in prefixes}
        ranges = []
        for number in found:
            low = bytes.fromhex(number)
            ranges.append((low, low + b"\xff" * (32 - len(low))))
        rows = self._catalog.run_in_transaction(
            lambda: self._catalog.select_by_ranges(_TRACK_COLUMNS, tracks.c.digest, ranges)
        )
        for track in (TrackFile(*row) for row in rows):
            digits = track.digest.hex()
            for number in (digits, digits[: len(digits) // 2]):
                if number in found:
                    found[number].append(track)
        return found

    def unlinked_tracks(self) -> Iterator[Sequence[TrackFile]]:
        """The tracks that no song links to; not of a sample, since that takes looking at all links."""
        # One statement, in which the database goes through the links once: pages would do so again and again.
        connection = self._catalog.connection
        wanted = _select_track().where(self._track_condition, track_is_unlinked())
        with translate_errors(self._catalog.path), connection.begin():
            result = connection.execute(wanted.execution_options(yield_per=_PAGE_ROWS))
            try:
                for page in result.partitions():
                    yield [TrackFile(*row) for row in page]
            finally:
                result.close()

    def song_id_ranges(self) -> Iterator[tuple[int, int]]:
        """The numbers of the songs in the scope, in stretches of about as many each."""
        for low, high in self._song_id_bounds():
            while low <= high:
                following = (
                    select(songs.c.id).where(songs.c.id > low).order_by(songs.c.id).offset(_SONGS_PER_RANGE)
                )
                end = min(high, (self._fetch_scalar(following.limit(1)) or high + 1) - 1)
                yield low, end
                low = end + 1

    def count_links(self, first_id: int, last_id: int) -> tuple[int, int, int]:
        """Of a stretch: songs, links, and songs without a path, since others came to be at theirs."""
        whose = and_(songs.c.id.between(first_id, last_id), self._song_condition)
        link, path = links.c, song_paths.c
        pathless = ~exists().where(path.song_id == songs.c.id)
        return (
            self._fetch_scalar(select(func.count()).select_from(songs).where(whose)) or 0,
            self._fetch_scalar(
                select(func.count()).select_from(links.join(songs, songs.c.id == link.song_id)).where(whose)
            )
            or 0,
            self._fetch_scalar(select(func.count()).select_from(songs).where(whose, pathless)) or 0,
        )

    def broken_songs(self, first_id: int, last_id: int) -> list[BrokenSong]:
        """Of a stretch: songs whose links are too few, too many, misplaced, or lead to no track."""
        link = links.c
        links_found, dangling_links = (
            func.count(link.position),
            func.count(link.position).filter(tracks.c.id.is_(None)),
        )
        with_tracks = songs.c.outcome.in_(_OUTCOMES_WITH_TRACKS)
        wanted = (
            select(songs.c.id, songs.c.link_count, songs.c.outcome, links_found, dangling_links)
            .select_from(
                songs.outerjoin(links, link.song_id == songs.c.id).outerjoin(
                    tracks, tracks.c.id == link.track_id
                )
            )
            .where(songs.c.id.between(first_id, last_id), self._song_condition)
            .group_by(songs.c.id)
            .having(
                or_(
                    links_found != songs.c.link_count,
                    and_(
                        links_found > 0,
                        or_(func.min(link.position) != 0, func.max(link.position) != links_found - 1),
                    ),
                    dangling_links > 0,
                    with_tracks & (songs.c.link_count == 0),
                    not_(with_tracks) & (songs.c.link_count != 0),
                    songs.c.outcome.not_in(OUTCOMES),
                )
            )
        )
        return [
            BrokenSong(number, next(iter(self.paths_of(number)), _NO_PATH).path or None, *rest)
            for number, *rest in self._fetch_all(wanted)
        ]

    def lost_songs(self, first_id: int, last_id: int) -> list[tuple[int, int]]:
        """Of a stretch: numbers of songs that links speak of and that are not there, and how many links."""
        number = links.c.song_id
        return [
            (row[0], row[1])
            for row in self._fetch_all(
                select(number, func.count())
                .where(number.between(first_id, last_id), ~exists().where(songs.c.id == number))
                .group_by(number)
            )
        ]

    def lost_paths(self, first_id: int, last_id: int) -> list[SongPath]:
        """Of a stretch: paths of songs that are not there."""
        number = song_paths.c.song_id
        return self._select_paths(number.between(first_id, last_id), ~exists().where(songs.c.id == number))

    def paths_of(self, song_id: int) -> list[SongPath]:
        """The paths of a song, smallest first."""
        return self._select_paths(song_paths.c.song_id == song_id)

    def song_digest(self, song_id: int) -> bytes | None:
        """The digest of a song's content; None where there is no such song, or it was never read."""
        found: bytes | None = self._fetch_scalar(select(songs.c.digest).where(songs.c.id == song_id))
        return found

    def song_paths_of(self, track_ids: Sequence[int]) -> dict[int, list[bytes]]:
        """Paths of songs that link to a few tracks; looks at all links."""
        found: dict[int, list[bytes]] = {}
        link, path = links.c, song_paths.c
        if track_ids:
            wanted = (
                select(link.track_id, path.path)
                .join(song_paths, path.song_id == link.song_id)
                .where(link.track_id.in_(track_ids))
                .order_by(path.path)
                .limit(_PAGE_ROWS)
            )
            for number, name in self._fetch_all(wanted):
                if name not in found.setdefault(number, []):
                    found[number].append(name)
        return found

    def _select_paths(self, *conditions: ColumnElement[bool]) -> list[SongPath]:
        path = song_paths.c
        wanted = select(path.path, path.song_id, path.root_length).where(*conditions).order_by(path.path)
        return [SongPath(*row) for row in self._fetch_all(wanted)]

    def _digest_conditions(self) -> Iterator[list[ColumnElement[bool]]]:
        """Conditions on tracks: none for all, else one stretch of digests after the other."""
        if not self._scope.is_sample:
            yield []
            return
        for low, high in self._scope.digest_ranges():
            yield [tracks.c.digest.between(low.to_bytes(4, "big"), high.to_bytes(4, "big") + b"\xff" * 28)]

    def _song_id_bounds(self) -> list[tuple[int, int]]:
        """The numbers of the songs in the scope, and of those that rows speak of and that are lost."""
        columns = (songs.c.id, links.c.song_id, song_paths.c.song_id)
        ends = [
            (self._fetch_scalar(select(func.min(it))), self._fetch_scalar(select(func.max(it))))
            for it in columns
        ]
        there = [(low, high) for low, high in ends if low is not None]
        if not there:
            return []
        return _ranges_in_scope(self._scope, min(low for low, _ in there), max(high for _, high in there))

    def _fetch_all(self, wanted: Select[Any]) -> Sequence[Any]:
        return self._catalog.run_in_transaction(lambda: self._catalog.connection.execute(wanted).fetchall())

    def _fetch_scalar(self, wanted: Select[Any]) -> Any:
        return self._catalog.run_in_transaction(lambda: self._catalog.connection.scalar(wanted))


_NO_PATH = SongPath(b"", 0, 0)
_TRACK_COLUMNS = tuple(tracks.c[name] for name in TrackFile._fields)


def _select_track() -> Select[Any]:
    return select(*_TRACK_COLUMNS)


def _ranges_in_scope(scope: VerifyScope, first: int, last: int) -> list[tuple[int, int]]:
    """The share of the numbers from ``first`` to ``last`` that is in the scope; two where it wraps around."""
    count = last - first + 1
    if not scope.is_sample:
        return [(first, last)]
    low = first + min(count - 1, int(scope.start * count))
    high = low + max(1, math.ceil(scope.share * count)) - 1
    return [(low, high)] if high <= last else [(low, last), (first, min(low - 1, high - count))]
