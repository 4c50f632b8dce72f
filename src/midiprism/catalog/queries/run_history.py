"""What the catalogue can tell of itself: how much there is, what runs did, what failed.

Transactions are short, so that a run that writes meanwhile can fold its log in.
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
from midiprism.catalog.schema import batches, runs, shards, song_paths, songs, tracks
from midiprism.records.outcomes import FAILED_OUTCOMES

_FETCH_ROWS = 1_000
_MAX_QUERY_VALUES = 500

_is_failed = songs.c.outcome.in_(sorted(FAILED_OUTCOMES))
_first_problem_code = songs.c.problems[(0, "code")].as_string()
_first_problem_message = songs.c.problems[(0, "message")].as_string()


@dataclass(frozen=True, slots=True)
class CatalogCounts:
    """How much there is.

    Attributes:
        outcomes: contents of songs by what became of them; what could not be read counts once per path.
        songs_at_paths: those of them that a path holds; the paths of the others hold something else now.
        paths: under which songs were seen.
        tracks: contents of tracks, each one file, unless they lie in shards.
        links: tracks of songs.
        bytes: of the tracks.
        shards: files that hold tracks, or links of songs; 0 where each track is a file.
        shard_bytes: of those.
    """

    outcomes: Mapping[str, int] = field(default_factory=dict)
    songs_with_path: int = 0
    paths: int = 0
    tracks: int = 0
    links: int = 0
    track_bytes: int = 0
    shards: int = 0
    shard_bytes: int = 0


@dataclass(slots=True)
class FailureGroup:
    """What failed for one reason.

    Attributes:
        examples: path, in the file system's bytes, and message of the first few.
        run_ids: the runs in which it failed.
    """

    code: str
    outcome: str
    count: int = 0
    examples: list[tuple[bytes, str]] = field(default_factory=list)
    run_ids: set[int] = field(default_factory=set)


class FailedPath(NamedTuple):
    """A path of a song that failed. All paths of a song, which is its ``number``, come one after another."""

    song_id: int
    digest: bytes | None
    outcome: str
    code: str
    message: str
    size: int | None
    run_id: int
    path: bytes


class RunRecord(NamedTuple):
    """A run as it was recorded; times are UTC, ISO 8601.

    Attributes:
        alive: whether its time is not up by the clock of the database, which only runs tell that share it.
    """

    id: int
    started_at: str
    updated_at: str
    state: str
    settings: dict[str, Any]
    totals: dict[str, Any]
    is_active: bool


class CommittedByRun(NamedTuple):
    """What a run committed, which it may not have had the time to tell."""

    songs: int
    links: int
    tracks_new: int
    bytes_written: int
    last_commit_at: str


def is_empty_catalog(address: Address) -> bool:
    """Whether a catalogue is not there yet, or has no tables: its run was ended while it made them."""
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
    """Count all there is. It reads the tables of songs and tracks once, and of links nothing."""
    outcomes: dict[str, int] = {}
    link_count = 0
    by_outcome = select(songs.c.outcome, func.count(), func.sum(songs.c.link_count))
    by_outcome = by_outcome.group_by(songs.c.outcome)
    for outcome, number, splits in connection.execute(by_outcome):
        outcomes[outcome] = number
        link_count += int(splits)
    path_song_count = select(func.count(song_paths.c.song_id.distinct()))
    found, size = connection.execute(select(func.count(), func.sum(tracks.c.size)).select_from(tracks)).one()
    kept, taken = connection.execute(select(func.count(), func.sum(shards.c.bytes)).select_from(shards)).one()
    return CatalogCounts(
        outcomes,
        connection.scalar(path_song_count) or 0,
        connection.scalar(select(func.count()).select_from(song_paths)) or 0,
        found,
        link_count,
        int(size or 0),
        kept,
        int(taken or 0),
    )


def failure_groups(connection: Connection, max_examples: int) -> list[FailureGroup]:
    """What failed, by reason, the most frequent first, with so many examples of each.

    A content that no path holds any more is left out: the file was mended, or replaced.
    """
    groups: dict[str, FailureGroup] = {}
    first: dict[int, FailureGroup] = {}
    held = select(song_paths.c.path).where(song_paths.c.song_id == songs.c.id).exists()
    wanted = select(songs.c.id, songs.c.outcome, _first_problem_code, songs.c.run_id).where(_is_failed, held)
    for number, outcome, code, run_id in _stream(connection, wanted.order_by(songs.c.id)):
        code = code or "unknown"
        group = groups.setdefault(code, FailureGroup(code, outcome))
        group.count += 1
        group.run_ids.add(run_id)
        if group.count <= max_examples:
            first[number] = group
    smallest = (
        select(song_paths.c.path)
        .where(song_paths.c.song_id == songs.c.id)
        .order_by(song_paths.c.path)
        .limit(1)
        .scalar_subquery()
    )
    named = (
        select(songs.c.id, smallest, _first_problem_message).where(songs.c.id.in_(first)).order_by(songs.c.id)
    )
    for number, path, message in connection.execute(named):
        first[number].examples.append((path, message or ""))
    return sorted(groups.values(), key=lambda group: (-group.count, group.code))


def failed_paths(catalog: Catalog) -> Iterator[FailedPath]:
    """Every path of every song that failed, song by song. Memory does not grow with their number, and nothing
    is held between two reads."""
    last: FailedPath | None = None
    while True:
        page = _next_failed_paths(catalog, last)
        yield from page
        if len(page) < _FETCH_ROWS:
            return
        last = page[-1]


def recent_runs(connection: Connection, limit: int) -> list[RunRecord]:
    """The last runs, and all that are on, the latest first."""
    alive = func.coalesce(runs.c.expires_at > func.now(), false())
    columns = (
        runs.c.id,
        runs.c.started_at,
        runs.c.updated_at,
        runs.c.state,
        runs.c.settings,
        runs.c.totals,
        alive,
    )
    last = select(runs.c.id).order_by(runs.c.id.desc()).limit(limit)
    wanted = select(*columns).where(or_(runs.c.id.in_(last), and_(runs.c.state == "running", alive)))
    return [RunRecord(*row) for row in connection.execute(wanted.order_by(runs.c.id.desc()))]


def run_settings(connection: Connection, run_ids: Collection[int]) -> list[dict[str, Any]]:
    """What these runs were asked to do, in their order."""
    ids = sorted(run_ids)
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), _MAX_QUERY_VALUES):
        part = ids[start : start + _MAX_QUERY_VALUES]
        wanted = select(runs.c.settings).where(runs.c.id.in_(part)).order_by(runs.c.id)
        found += connection.scalars(wanted)
    return found


def committed_by_run(connection: Connection, run_id: int) -> CommittedByRun | None:
    """What a run committed; None for nothing."""
    sums = (batches.c.songs, batches.c.links, batches.c.tracks_new, batches.c.bytes_written)
    wanted = select(*map(func.sum, sums), func.max(batches.c.committed_at)).where(batches.c.run_id == run_id)
    row: Any = connection.execute(wanted).one()
    if row[-1] is None:
        return None
    done, links, new, written, last = row
    return CommittedByRun(int(done), int(links), int(new), int(written), last)


def committed_since(connection: Connection, run_id: int, since: str) -> tuple[int, int]:
    """How many batches a run has committed since then, and how many songs got an outcome by them."""
    lately = and_(batches.c.run_id == run_id, batches.c.committed_at >= since)
    row = connection.execute(select(func.count(), func.sum(batches.c.songs)).where(lately)).one()
    return row[0], int(row[1] or 0)


def _next_failed_paths(catalog: Catalog, last: FailedPath | None) -> list[FailedPath]:
    """The next paths: the rest of the last song's, then those of the songs after it."""
    with catalog.read_transaction() as connection:
        if last is None:
            return _failed_paths(connection, songs.c.id >= 0, _FETCH_ROWS)
        rest = and_(songs.c.id == last.song_id, song_paths.c.path > last.path)
        page = _failed_paths(connection, rest, _FETCH_ROWS)
        return page + _failed_paths(connection, songs.c.id > last.song_id, _FETCH_ROWS - len(page))


def _failed_paths(connection: Connection, where: ColumnElement[bool], limit: int) -> list[FailedPath]:
    wanted = (
        select(
            songs.c.id,
            songs.c.digest,
            songs.c.outcome,
            func.coalesce(_first_problem_code, "unknown"),
            func.coalesce(_first_problem_message, ""),
            songs.c.size,
            songs.c.run_id,
            song_paths.c.path,
        )
        .join(song_paths, song_paths.c.song_id == songs.c.id)
        .where(_is_failed, where)
        .order_by(songs.c.id, song_paths.c.path)
        .limit(limit)
    )
    return [FailedPath(*row) for row in connection.execute(wanted)]


def _stream(connection: Connection, wanted: Select[Any]) -> Iterator[Any]:
    with closing(connection.execute(wanted.execution_options(yield_per=_FETCH_ROWS))) as result:
        yield from result
