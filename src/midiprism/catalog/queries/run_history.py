"""Queries on what a catalog holds, what runs did, and what failed.

Snapshots are short, so that a run that writes meanwhile can checkpoint its log. SQLAlchemy is not loaded: it
takes longer than the queries on most catalogs.
"""

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from midiprism.catalog.address import Address, PostgresAddress
from midiprism.catalog.queries.index_rows import IdRange, id_conditions
from midiprism.catalog.reader import CatalogReader, Snapshots
from midiprism.records.outcomes import FAILED_OUTCOMES

_PAGE_ROWS = 1_000

_IS_FAILED = f"s.outcome IN ({', '.join(repr(outcome) for outcome in sorted(FAILED_OUTCOMES))})"
_HAS_LOSS = "s.lost_bytes IS NOT NULL"
_PATHS_THERE = "{song_paths} p WHERE p.gone_at IS NULL"


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


def count_catalog(reader: CatalogReader) -> CatalogCounts:
    """Count what a catalog holds. It reads the tables of songs and tracks once, and no links."""
    outcomes: dict[str, int] = {}
    link_count = songs_with_loss = lost_bytes = 0
    by_outcome = (
        "SELECT outcome, count(*), sum(link_count), count(lost_bytes), sum(lost_bytes) "
        "FROM {songs} GROUP BY outcome"
    )
    for outcome, song_count, links_of_songs, losses, bytes_of_songs in reader.fetch(by_outcome):
        outcomes[outcome] = song_count
        link_count += int(links_of_songs)
        songs_with_loss += losses
        lost_bytes += int(bytes_of_songs or 0)
    path_counts = f"SELECT count(DISTINCT p.song_id), count(*) FROM {_PATHS_THERE}"  # noqa: S608
    ((path_song_count, path_count),) = reader.fetch(path_counts)
    ((track_count, track_bytes),) = reader.fetch("SELECT count(*), sum(size) FROM {tracks}")
    ((shard_count, shard_bytes),) = reader.fetch("SELECT count(*), sum(bytes) FROM {shards}")
    return CatalogCounts(
        outcomes,
        path_song_count,
        path_count,
        track_count,
        link_count,
        int(track_bytes or 0),
        shard_count,
        int(shard_bytes or 0),
        songs_with_loss,
        lost_bytes,
    )


def failure_groups(reader: CatalogReader, max_examples: int) -> list[FailureGroup]:
    """Return the songs that failed, by reason, the most frequent first.

    A song that is at no path any more is left out: its file was repaired, replaced or deleted.

    Args:
        reader: of the catalog.
        max_examples: most examples of each reason.
    """
    groups: dict[str, FailureGroup] = {}
    first: dict[int, FailureGroup] = {}
    paths = f"FROM {_PATHS_THERE} AND p.song_id = s.id"
    failed = (
        f"SELECT s.id, s.outcome, {reader.first_item('s.problems', 'code')}, s.run_id "  # noqa: S608
        f"FROM {{songs}} s WHERE {_IS_FAILED} AND EXISTS (SELECT 1 {paths}) ORDER BY s.id"
    )
    for rows in reader.stream(failed):
        for song_id, outcome, code, run_id in rows:
            code = code or "unknown"
            group = groups.setdefault(code, FailureGroup(code, outcome))
            group.count += 1
            group.run_ids.add(run_id)
            if group.count <= max_examples:
                first[song_id] = group
    smallest = f"(SELECT p.path {paths} ORDER BY p.path LIMIT 1)"
    message = reader.first_item("s.problems", "message")
    named = f"SELECT s.id, {smallest}, {message} FROM {{songs}} s"  # noqa: S608
    for song_id, path, text in _fetch_by_ids(reader, named, "s.id", first):
        first[song_id].examples.append((path, text or ""))
    return sorted(groups.values(), key=lambda group: (-group.count, group.code))


def failed_paths(snapshots: Snapshots) -> Iterator[ListedPath]:
    """Return every path that is there of every song that failed, song by song."""
    return _listed_paths(snapshots, _IS_FAILED)


def paths_with_loss(snapshots: Snapshots) -> Iterator[ListedPath]:
    """Return every path of every song that has lost music to damage, song by song.

    The code and the message are those of the song's first problem.
    """
    return _listed_paths(snapshots, _HAS_LOSS)


def _listed_paths(snapshots: Snapshots, condition: str) -> Iterator[ListedPath]:
    """Return every path of the songs that meet a condition, song by song.

    Memory does not grow with their number, and no transaction is open between two pages.
    """
    last: ListedPath | None = None
    while True:
        page = _next_paths(snapshots, condition, last)
        yield from page
        if len(page) < _PAGE_ROWS:
            return
        last = page[-1]


def recent_runs(reader: CatalogReader, limit: int) -> list[RunRecord]:
    """Return the last runs and all that are active, the latest first."""
    is_active = "coalesce(expires_at > CURRENT_TIMESTAMP, false)"
    query = (
        f"SELECT id, started_at, updated_at, state, settings, totals, {is_active} FROM {{runs}} "  # noqa: S608
        "WHERE id IN (SELECT id FROM {runs} ORDER BY id DESC LIMIT ?) "
        f"OR (state = 'running' AND {is_active}) ORDER BY id DESC"
    )
    return [
        RunRecord(
            run_id,
            started_at,
            updated_at,
            state,
            reader.from_json(settings),
            reader.from_json(totals),
            bool(active),
        )
        for run_id, started_at, updated_at, state, settings, totals, active in reader.fetch(query, [limit])
    ]


def last_setting(reader: CatalogReader, name: str) -> Any:
    """Return a setting of the last run that recorded it; None if none did."""
    with closing(reader.stream("SELECT settings FROM {runs} ORDER BY id DESC")) as pages:
        for page in pages:
            for (recorded,) in page:
                settings = reader.from_json(recorded)
                if name in settings:
                    return settings[name]
    return None


def run_settings(reader: CatalogReader, run_ids: Collection[int]) -> list[dict[str, Any]]:
    """Return the settings of these runs, in the order of their ids."""
    rows = _fetch_by_ids(reader, "SELECT settings FROM {runs}", "id", run_ids)
    return [reader.from_json(settings) for (settings,) in rows]


def committed_by_run(reader: CatalogReader, run_id: int) -> CommittedByRun | None:
    """Return what a run committed; None if it committed nothing."""
    query = (
        "SELECT sum(songs), sum(links), sum(tracks_new), sum(bytes_written), max(committed_at) "
        "FROM {batches} WHERE run_id = ?"
    )
    ((*counts, last_commit_at),) = reader.fetch(query, [run_id])
    if last_commit_at is None:
        return None
    songs_done, links, tracks_new, bytes_written = map(int, counts)
    return CommittedByRun(songs_done, links, tracks_new, bytes_written, last_commit_at)


def committed_since(reader: CatalogReader, run_id: int, since: str) -> RecentCommits:
    """Return what a run has committed since that time."""
    query = "SELECT count(*), sum(songs) FROM {batches} WHERE run_id = ? AND committed_at >= ?"
    ((commits, song_count),) = reader.fetch(query, [run_id, since])
    return RecentCommits(commits, int(song_count or 0))


def samples_of(reader: CatalogReader, run_id: int) -> Iterator[Mapping[str, Any]]:
    """Return the samples of a run, the earliest first."""
    for page in reader.stream("SELECT data FROM {run_samples} WHERE run_id = ? ORDER BY at", [run_id]):
        for (data,) in page:
            yield reader.from_json(data)


def latest_sampled_run(reader: CatalogReader, among: Collection[int] | None = None) -> int | None:
    """Return the id of the last run that has samples; None without any.

    Args:
        reader: of the catalog.
        among: ids of the runs that count; None for all.
    """
    if among is None:
        rows = reader.fetch("SELECT max(run_id) FROM {run_samples}")
    else:
        rows = _fetch_by_ids(reader, "SELECT DISTINCT run_id FROM {run_samples}", "run_id", among)
    run_id: int | None = rows[-1][0] if rows else None
    return run_id


def _fetch_by_ids(
    reader: CatalogReader, query: str, column: str, ids: Collection[int]
) -> list[tuple[Any, ...]]:
    """Return the rows of a query with an id, in the order of the ids."""
    rows: list[tuple[Any, ...]] = []
    for condition in id_conditions(IdRange(it, it) for it in sorted(ids)):
        rows += reader.fetch(f"{query} WHERE {condition.sql(column)} ORDER BY {column}", condition.values)
    return rows


def _next_paths(snapshots: Snapshots, condition: str, last: ListedPath | None) -> list[ListedPath]:
    """Return the next page: the remaining paths of the last song, then those of the songs after it."""
    with snapshots() as reader:
        if last is None:
            return _page_of_paths(reader, condition, (), _PAGE_ROWS)
        rest = f"{condition} AND s.id = ? AND p.path > ?"
        page = _page_of_paths(reader, rest, (last.song_id, last.path), _PAGE_ROWS)
        following = f"{condition} AND s.id > ?"
        return page + _page_of_paths(reader, following, (last.song_id,), _PAGE_ROWS - len(page))


def _page_of_paths(
    reader: CatalogReader, condition: str, values: Sequence[Any], limit: int
) -> list[ListedPath]:
    code, message = (reader.first_item("s.problems", key) for key in ("code", "message"))
    query = (
        f"SELECT s.id, s.digest, s.outcome, coalesce({code}, 'unknown'), coalesce({message}, ''), "  # noqa: S608
        "s.size, s.run_id, p.path, s.lost_bytes FROM {songs} s JOIN {song_paths} p ON p.song_id = s.id "
        f"WHERE {condition} AND p.gone_at IS NULL ORDER BY s.id, p.path LIMIT ?"
    )
    return [ListedPath(*row) for row in reader.fetch(query, [*values, limit])]
