"""Queries on what a catalog holds, what runs did, and what failed.

Transactions are short, so that a run that writes meanwhile can checkpoint its log.
"""

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from midiprism.catalog.address import Address, PostgresAddress
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.path_lookup import IS_THERE
from midiprism.catalog.rows import query_chunks
from midiprism.catalog.schema import batches, runs, shards, song_paths, songs, tracks
from midiprism.records.outcomes import FAILED_OUTCOMES

_FETCH_ROWS = 1_000

_is_failed = songs.c.outcome.in_(sorted(FAILED_OUTCOMES))
_first_problem_code = songs.c.problems[(0, "code")].as_string()
_first_problem_message = songs.c.problems[(0, "message")].as_string()


@dataclass(frozen=True, slots=True)
class CatalogCounts:
    """Counts of what a catalog holds.

    Attributes:
        outcomes: songs by outcome; a song that could not be read counts once per path.
        songs_with_path: songs that are at a path; the others are gone, or their paths hold other songs now.
        paths: paths at which songs are, as far as scans have seen.
        tracks: tracks, each of which is a file unless they are in shards.
        links: links from songs to tracks.
        track_bytes: bytes of the tracks.
        shards: files that hold tracks, or links of songs; 0 where each track is a file.
        shard_bytes: bytes of the shards.
        songs_with_loss: songs of which damage has cost music.
        lost_bytes: their bytes that may hold music and were not understood.
    """

    outcomes: Mapping[str, int] = field(default_factory=dict)
    songs_with_path: int = 0
    paths: int = 0
    tracks: int = 0
    links: int = 0
    track_bytes: int = 0
    shards: int = 0
    shard_bytes: int = 0
    songs_with_loss: int = 0
    lost_bytes: int = 0


@dataclass(slots=True)
class FailureGroup:
    """Songs that failed for one reason.

    Attributes:
        examples: path, in the file system's bytes, and message of the first few.
        run_ids: the runs in which they failed.
    """

    code: str
    outcome: str
    count: int = 0
    examples: list[tuple[bytes, str]] = field(default_factory=list)
    run_ids: set[int] = field(default_factory=set)


class ListedPath(NamedTuple):
    """A path of a song that failed, or that has lost music. All paths of one song come one after another.

    Attributes:
        lost_bytes: None where no music was lost.
    """

    song_id: int
    digest: bytes | None
    outcome: str
    code: str
    message: str
    size: int | None
    run_id: int
    path: bytes
    lost_bytes: int | None


class RunRecord(NamedTuple):
    """A run as it was recorded; times are UTC, ISO 8601.

    Attributes:
        is_active: whether its expiry is in the future by the clock of the database; only runs that share a
            catalog have one.
    """

    id: int
    started_at: str
    updated_at: str
    state: str
    settings: dict[str, Any]
    totals: dict[str, Any]
    is_active: bool


class CommittedByRun(NamedTuple):
    """Counts of what a run committed, even if it was cut off before it recorded its totals."""

    songs: int
    links: int
    tracks_new: int
    bytes_written: int
    last_commit_at: str


class RecentCommits(NamedTuple):
    """Batches that a run has committed since some time, and the songs that got an outcome by them."""

    batches: int
    songs: int


def is_empty_catalog(address: Address) -> bool:
    """Return whether a catalog does not exist, or has no tables: its run was ended while it created them."""
    if isinstance(address, PostgresAddress):
        from midiprism.catalog.postgres.catalog import has_no_tables

        return has_no_tables(address)
    if not os.path.exists(address):
        return True
    uri = f"file:{quote(os.fsencode(os.path.abspath(address)))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    except sqlite3.Error:
        return False


def count_catalog(connection: Connection) -> CatalogCounts:
    """Count what a catalog holds. It reads the tables of songs and tracks once, and no links."""
    outcomes: dict[str, int] = {}
    link_count = 0
    songs_with_loss = lost_bytes = 0
    by_outcome = select(
        songs.c.outcome,
        func.count(),
        func.sum(songs.c.link_count),
        func.count(songs.c.lost_bytes),
        func.sum(songs.c.lost_bytes),
    ).group_by(songs.c.outcome)
    for outcome, song_count, links_of_songs, losses, bytes_of_songs in connection.execute(by_outcome):
        outcomes[outcome] = song_count
        link_count += int(links_of_songs)
        songs_with_loss += losses
        lost_bytes += int(bytes_of_songs or 0)
    path_song_count = select(func.count(song_paths.c.song_id.distinct())).where(IS_THERE)
    track_sums = select(func.count(), func.sum(tracks.c.size)).select_from(tracks)
    shard_sums = select(func.count(), func.sum(shards.c.bytes)).select_from(shards)
    track_count, track_bytes = connection.execute(track_sums).one()
    shard_count, shard_bytes = connection.execute(shard_sums).one()
    return CatalogCounts(
        outcomes,
        connection.scalar(path_song_count) or 0,
        connection.scalar(select(func.count()).select_from(song_paths).where(IS_THERE)) or 0,
        track_count,
        link_count,
        int(track_bytes or 0),
        shard_count,
        int(shard_bytes or 0),
        songs_with_loss,
        lost_bytes,
    )


def failure_groups(connection: Connection, max_examples: int) -> list[FailureGroup]:
    """Return the songs that failed, by reason, the most frequent first.

    A song that is at no path any more is left out: its file was repaired, replaced or deleted.

    Args:
        connection: with a transaction that is open.
        max_examples: most examples of each reason.
    """
    groups: dict[str, FailureGroup] = {}
    first: dict[int, FailureGroup] = {}
    is_at_path = select(song_paths.c.path).where(song_paths.c.song_id == songs.c.id, IS_THERE).exists()
    query = select(songs.c.id, songs.c.outcome, _first_problem_code, songs.c.run_id).where(
        _is_failed, is_at_path
    )
    for song_id, outcome, code, run_id in _stream(connection, query.order_by(songs.c.id)):
        code = code or "unknown"
        group = groups.setdefault(code, FailureGroup(code, outcome))
        group.count += 1
        group.run_ids.add(run_id)
        if group.count <= max_examples:
            first[song_id] = group
    smallest = (
        select(song_paths.c.path)
        .where(song_paths.c.song_id == songs.c.id, IS_THERE)
        .order_by(song_paths.c.path)
        .limit(1)
        .scalar_subquery()
    )
    named = (
        select(songs.c.id, smallest, _first_problem_message).where(songs.c.id.in_(first)).order_by(songs.c.id)
    )
    for song_id, path, message in connection.execute(named):
        first[song_id].examples.append((path, message or ""))
    return sorted(groups.values(), key=lambda group: (-group.count, group.code))


def failed_paths(catalog: Catalog) -> Iterator[ListedPath]:
    """Return every path that is there of every song that failed, song by song."""
    return _listed_paths(catalog, _is_failed)


def paths_with_loss(catalog: Catalog) -> Iterator[ListedPath]:
    """Return every path of every song that has lost music to damage, song by song.

    The code and the message are those of the song's first problem.
    """
    return _listed_paths(catalog, songs.c.lost_bytes.is_not(None))


def _listed_paths(catalog: Catalog, condition: ColumnElement[bool]) -> Iterator[ListedPath]:
    """Return every path of the songs that meet a condition, song by song.

    Memory does not grow with their number, and no transaction is open between two pages.
    """
    last: ListedPath | None = None
    while True:
        page = _next_paths(catalog, condition, last)
        yield from page
        if len(page) < _FETCH_ROWS:
            return
        last = page[-1]


def recent_runs(connection: Connection, limit: int) -> list[RunRecord]:
    """Return the last runs and all that are active, the latest first."""
    is_active = func.coalesce(runs.c.expires_at > func.now(), false())
    columns = (
        runs.c.id,
        runs.c.started_at,
        runs.c.updated_at,
        runs.c.state,
        runs.c.settings,
        runs.c.totals,
        is_active,
    )
    last = select(runs.c.id).order_by(runs.c.id.desc()).limit(limit)
    query = select(*columns).where(or_(runs.c.id.in_(last), and_(runs.c.state == "running", is_active)))
    return [RunRecord(*row) for row in connection.execute(query.order_by(runs.c.id.desc()))]


def last_setting(connection: Connection, name: str) -> Any:
    """Return a setting of the last run that recorded it; None if none did."""
    query = select(runs.c.settings).order_by(runs.c.id.desc())
    return next((row.settings[name] for row in _stream(connection, query) if name in row.settings), None)


def run_settings(connection: Connection, run_ids: Collection[int]) -> list[dict[str, Any]]:
    """Return the settings of these runs, in the order of their ids."""
    settings: list[dict[str, Any]] = []
    for part in query_chunks(sorted(run_ids)):
        settings += connection.scalars(select(runs.c.settings).where(runs.c.id.in_(part)).order_by(runs.c.id))
    return settings


def committed_by_run(connection: Connection, run_id: int) -> CommittedByRun | None:
    """Return what a run committed; None if it committed nothing."""
    sums = (batches.c.songs, batches.c.links, batches.c.tracks_new, batches.c.bytes_written)
    query = select(*map(func.sum, sums), func.max(batches.c.committed_at)).where(batches.c.run_id == run_id)
    *counts, last_commit_at = connection.execute(query).one()
    if last_commit_at is None:
        return None
    songs_done, links, tracks_new, bytes_written = map(int, counts)
    return CommittedByRun(songs_done, links, tracks_new, bytes_written, last_commit_at)


def committed_since(connection: Connection, run_id: int, since: str) -> RecentCommits:
    """Return what a run has committed since that time."""
    is_recent = and_(batches.c.run_id == run_id, batches.c.committed_at >= since)
    query = select(func.count(), func.sum(batches.c.songs)).where(is_recent)
    commits, song_count = connection.execute(query).one()
    return RecentCommits(commits, int(song_count or 0))


def _next_paths(
    catalog: Catalog, condition: ColumnElement[bool], last: ListedPath | None
) -> list[ListedPath]:
    """Return the next page: the remaining paths of the last song, then those of the songs after it."""
    with catalog.read_transaction() as connection:
        if last is None:
            return _page_of_paths(connection, condition, _FETCH_ROWS)
        rest = and_(songs.c.id == last.song_id, song_paths.c.path > last.path)
        page = _page_of_paths(connection, and_(condition, rest), _FETCH_ROWS)
        following = and_(condition, songs.c.id > last.song_id)
        return page + _page_of_paths(connection, following, _FETCH_ROWS - len(page))


def _page_of_paths(connection: Connection, where: ColumnElement[bool], limit: int) -> list[ListedPath]:
    query = (
        select(
            songs.c.id,
            songs.c.digest,
            songs.c.outcome,
            func.coalesce(_first_problem_code, "unknown"),
            func.coalesce(_first_problem_message, ""),
            songs.c.size,
            songs.c.run_id,
            song_paths.c.path,
            songs.c.lost_bytes,
        )
        .join(song_paths, song_paths.c.song_id == songs.c.id)
        .where(where, IS_THERE)
        .order_by(songs.c.id, song_paths.c.path)
        .limit(limit)
    )
    return [ListedPath(*row) for row in connection.execute(query)]


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    with closing(connection.execute(query.execution_options(yield_per=_FETCH_ROWS))) as result:
        yield from result
