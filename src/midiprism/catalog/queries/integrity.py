"""Queries that check a catalog piece by piece: memory does not grow with the catalog."""

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, true

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.errors import NoCatalogError, translate_errors
from midiprism.catalog.rows import track_is_unlinked
from midiprism.catalog.schema import links, runs, song_paths, songs, tracks
from midiprism.catalog.sqlite.file import PROGRESS_STEPS
from midiprism.catalog.sqlite.read_only import open_for_reading
from midiprism.errors import CatalogError
from midiprism.records.outcomes import OUTCOMES

_PAGE_ROWS = 1_000
_SONGS_PER_RANGE = 2_000
_DIGEST_PREFIXES = 1 << 32  # of the first four bytes of a digest
_CORRUPTION_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_OUTCOMES_WITH_TRACKS = ("split", "repaired")


class TrackFile(NamedTuple):
    """The fields of a track's row that concern its file."""

    id: int
    digest: bytes
    size: int
    family: str
    stem: str
    digest_digits: int


class SongPath(NamedTuple):
    """A path at which a song was found."""

    path: bytes
    song_id: int
    root_length: int


class BrokenSong(NamedTuple):
    """A song whose links do not match its row.

    Attributes:
        path: the bytewise smallest of its paths; None without one.
        link_count: links that the song should have.
        links_found: links that it has; ``dangling_links`` of them lead to no track.
    """

    id: int
    path: bytes | None
    link_count: int
    outcome: str
    links_found: int
    dangling_links: int


class LinkCounts(NamedTuple):
    """Counts of a range of songs.

    Attributes:
        songs_without_path: songs whose paths hold other songs now.
    """

    songs: int
    links: int
    songs_without_path: int


class LostSong(NamedTuple):
    """A song that links still have and that has no row."""

    id: int
    link_count: int


@dataclass(frozen=True, slots=True)
class VerifyScope:
    """A part of a catalog: all of it by default.

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
        """Return the share of the ids from ``first`` to ``last``, ends included; if it wraps, two ranges."""
        return _ranges_in_scope(self, first, last)

    def digest_ranges(self) -> list[tuple[int, int]]:
        """Return the ranges of the first four bytes of digests, ends included."""
        return _ranges_in_scope(self, 0, _DIGEST_PREFIXES - 1)


def find_damage(path: str, stop: Callable[[], bool]) -> str | None:
    """Return what is wrong with a file of SQLite as a database; None if it is intact.

    Raises:
        CatalogError: there is none, it cannot be opened for another reason, or ``stop`` became true.
    """
    try:
        connection = open_for_reading(path)
        try:
            driver: Any = connection.connection.dbapi_connection
            driver.set_progress_handler(stop, PROGRESS_STEPS)
            with translate_errors(path):
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        finally:
            connection.close()
    except CatalogError as error:
        if is_damage(error):
            return str(error)
        raise
    return None if found == "ok" else f"The catalog {path} is damaged: {found}."


def is_damage(error: CatalogError) -> bool:
    """Return whether an error says that the catalog's file is damaged."""
    if isinstance(error, NoCatalogError):
        return True
    cause = getattr(error.__cause__, "orig", error.__cause__)
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _CORRUPTION_CODES


class IntegrityQueries:
    """Queries a catalog by short statements, so that a run that writes meanwhile does not wait.

    Args:
        catalog: open, to read at least.
        scope: the part that is checked.
    """

    def __init__(self, catalog: Catalog, scope: VerifyScope) -> None:
        self._catalog = catalog
        self._fetch_all = catalog.fetch_all
        self._fetch_value = catalog.fetch_value
        self._scope = scope
        self._song_condition = true() if scope.first_run is None else songs.c.run_id >= scope.first_run
        self._track_condition = true() if scope.first_run is None else tracks.c.run_id >= scope.first_run

    def interruptible(self, stop: Callable[[], bool]) -> AbstractContextManager[None]:
        """Return a context in which long statements end by a CatalogError once ``stop`` is true."""
        return self._catalog.interruptible(stop)

    def last_run_state(self) -> str | None:
        """Return how the last run ended that was not undone; None without any."""
        query = select(runs.c.state).where(runs.c.state != "undone").order_by(runs.c.id.desc()).limit(1)
        state: str | None = self._fetch_value(query)
        return state

    def first_run_since(self, started: str) -> int:
        """Return the first run since this time (UTC, ISO 8601); if there is none, the id of the next run."""
        return self._fetch_value(select(func.min(runs.c.id)).where(runs.c.started_at >= started)) or (
            (self._fetch_value(select(func.max(runs.c.id))) or 0) + 1
        )

    def count_tracks(self) -> int:
        """Return how many tracks are in the scope."""
        return sum(
            self._fetch_value(select(func.count()).select_from(tracks).where(self._track_condition, *within))
            or 0
            for within in self._digest_conditions()
        )

    def count_songs(self) -> int:
        """Return how many songs are in the scope."""
        return sum(
            self._fetch_value(
                select(func.count())
                .select_from(songs)
                .where(self._song_condition, songs.c.id.between(low, high))
            )
            or 0
            for low, high in self._song_id_bounds()
        )

    def tracks(self) -> Iterator[Sequence[TrackFile]]:
        """Return the tracks in the scope, page by page: all in the order of their ids, a sample by digest."""
        key = tracks.c.digest if self._scope.is_sample else tracks.c.id
        for within in self._digest_conditions():
            beyond: ColumnElement[bool] = true()
            query = select_track_files().where(self._track_condition, *within).order_by(key).limit(_PAGE_ROWS)
            while page := [TrackFile(*row) for row in self._fetch_all(query.where(beyond))]:
                yield page
                beyond = key > (page[-1].digest if self._scope.is_sample else page[-1].id)

    def tracks_by_digest_prefix(self, prefixes: Iterable[str]) -> dict[str, list[TrackFile]]:
        """Return the tracks whose digests begin with these hex digits, 32 or 64 each."""
        found: dict[str, list[TrackFile]] = {prefix: [] for prefix in prefixes}
        ranges = []
        for prefix in found:
            low = bytes.fromhex(prefix)
            ranges.append((low, low + b"\xff" * (32 - len(low))))
        rows = self._catalog.run_in_transaction(
            lambda: self._catalog.select_by_ranges(_TRACK_COLUMNS, tracks.c.digest, ranges)
        )
        for track in (TrackFile(*row) for row in rows):
            digits = track.digest.hex()
            for prefix in (digits, digits[: len(digits) // 2]):
                if prefix in found:
                    found[prefix].append(track)
        return found

    def unlinked_tracks(self) -> Iterator[Sequence[TrackFile]]:
        """Return the tracks that no song links to, page by page; reads all links, so not for a sample."""
        # One statement reads the links once; a statement per page would read them for every page.
        connection = self._catalog.connection
        query = select_track_files().where(self._track_condition, track_is_unlinked())
        with translate_errors(self._catalog.path), connection.begin():
            result = connection.execute(query.execution_options(yield_per=_PAGE_ROWS))
            try:
                for page in result.partitions():
                    yield [TrackFile(*row) for row in page]
            finally:
                result.close()

    def song_id_ranges(self) -> Iterator[tuple[int, int]]:
        """Return ranges of ids that hold about the same number of songs in the scope."""
        for low, high in self._song_id_bounds():
            while low <= high:
                following = (
                    select(songs.c.id).where(songs.c.id > low).order_by(songs.c.id).offset(_SONGS_PER_RANGE)
                )
                end = min(high, (self._fetch_value(following.limit(1)) or high + 1) - 1)
                yield low, end
                low = end + 1

    def count_links(self, first_id: int, last_id: int) -> LinkCounts:
        """Count the songs and links of a range of ids."""
        whose = and_(songs.c.id.between(first_id, last_id), self._song_condition)
        link, path = links.c, song_paths.c
        pathless = ~exists().where(path.song_id == songs.c.id)
        return LinkCounts(
            self._fetch_value(select(func.count()).select_from(songs).where(whose)) or 0,
            self._fetch_value(
                select(func.count()).select_from(links.join(songs, songs.c.id == link.song_id)).where(whose)
            )
            or 0,
            self._fetch_value(select(func.count()).select_from(songs).where(whose, pathless)) or 0,
        )

    def broken_songs(self, first_id: int, last_id: int) -> list[BrokenSong]:
        """Return songs of a range whose links are too few, too many, misplaced, or lead to no track."""
        link = links.c
        links_found, dangling_links = (
            func.count(link.position),
            func.count(link.position).filter(tracks.c.id.is_(None)),
        )
        with_tracks = songs.c.outcome.in_(_OUTCOMES_WITH_TRACKS)
        query = (
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
            BrokenSong(song_id, next(iter(self.paths_of(song_id)), _NO_PATH).path or None, *facts)
            for song_id, *facts in self._fetch_all(query)
        ]

    def lost_songs(self, first_id: int, last_id: int) -> list[LostSong]:
        """Return ids in a range that links have and no song has, each with its number of links."""
        song_id = links.c.song_id
        return [
            LostSong(*row)
            for row in self._fetch_all(
                select(song_id, func.count())
                .where(song_id.between(first_id, last_id), ~exists().where(songs.c.id == song_id))
                .group_by(song_id)
            )
        ]

    def lost_paths(self, first_id: int, last_id: int) -> list[SongPath]:
        """Return paths of a range of song ids that no song has."""
        song_id = song_paths.c.song_id
        return self._select_paths(song_id.between(first_id, last_id), ~exists().where(songs.c.id == song_id))

    def paths_of(self, song_id: int) -> list[SongPath]:
        """Return the paths of a song, the smallest first."""
        return self._select_paths(song_paths.c.song_id == song_id)

    def song_digest(self, song_id: int) -> bytes | None:
        """Return the digest of a song's content; None if there is no such song, or it was never read."""
        found: bytes | None = self._fetch_value(select(songs.c.digest).where(songs.c.id == song_id))
        return found

    def song_paths_of(self, track_ids: Sequence[int]) -> dict[int, list[bytes]]:
        """Return for each of a few tracks the paths of songs that have it; it reads all links."""
        found: dict[int, list[bytes]] = {}
        link, path = links.c, song_paths.c
        if track_ids:
            query = (
                select(link.track_id, path.path)
                .join(song_paths, path.song_id == link.song_id)
                .where(link.track_id.in_(track_ids))
                .order_by(path.path)
                .limit(_PAGE_ROWS)
            )
            for track_id, song_path in self._fetch_all(query):
                if song_path not in found.setdefault(track_id, []):
                    found[track_id].append(song_path)
        return found

    def _select_paths(self, *conditions: ColumnElement[bool]) -> list[SongPath]:
        path = song_paths.c
        query = select(path.path, path.song_id, path.root_length).where(*conditions).order_by(path.path)
        return [SongPath(*row) for row in self._fetch_all(query)]

    def _digest_conditions(self) -> Iterator[list[ColumnElement[bool]]]:
        """Return conditions on tracks: none for all, else one range of digests after the other."""
        if not self._scope.is_sample:
            yield []
            return
        for low, high in self._scope.digest_ranges():
            yield [tracks.c.digest.between(low.to_bytes(4, "big"), high.to_bytes(4, "big") + b"\xff" * 28)]

    def _song_id_bounds(self) -> list[tuple[int, int]]:
        """Return ranges of the ids of songs in the scope, and of lost songs whose ids rows still have."""
        columns = (songs.c.id, links.c.song_id, song_paths.c.song_id)
        ends = [
            (self._fetch_value(select(func.min(it))), self._fetch_value(select(func.max(it))))
            for it in columns
        ]
        bounds = [(low, high) for low, high in ends if low is not None]
        if not bounds:
            return []
        return _ranges_in_scope(self._scope, min(low for low, _ in bounds), max(high for _, high in bounds))


_NO_PATH = SongPath(b"", 0, 0)
_TRACK_COLUMNS = tuple(tracks.c[name] for name in TrackFile._fields)


def select_track_files() -> Select[Any]:
    """Return a query of tracks whose rows are the values of ``TrackFile``."""
    return select(*_TRACK_COLUMNS)


def _ranges_in_scope(scope: VerifyScope, first: int, last: int) -> list[tuple[int, int]]:
    """Return the share of the ids from ``first`` to ``last`` in the scope; two ranges if it wraps around."""
    count = last - first + 1
    if not scope.is_sample:
        return [(first, last)]
    low = first + min(count - 1, int(scope.start * count))
    high = low + max(1, math.ceil(scope.share * count)) - 1
    return [(low, high)] if high <= last else [(low, last), (first, min(low - 1, high - count))]
