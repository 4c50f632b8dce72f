"""The rows that a search index is made of, and what says whether it is up to date. All of them stream."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from midiprism.catalog.reader import CatalogReader

Rows = Iterator[list[tuple[Any, ...]]]

MIN_ID, MAX_ID = -(1 << 63), (1 << 63) - 1

_SHORT_RANGE = 50
_IDS_PER_QUERY = 500


class IdRange(NamedTuple):
    """Ids from the first to the last one."""

    first: int
    last: int


ALL_SONGS = IdRange(MIN_ID, MAX_ID)


class IdCondition(NamedTuple):
    """A condition on ids, which one query holds.

    Attributes:
        template: SQL, with ``{}`` for the column.
        values: of its marks.
    """

    template: str
    values: Sequence[int]

    def sql(self, column: str) -> str:
        """Return the condition on a column."""
        return self.template.format(column)


def id_conditions(ranges: Iterable[IdRange]) -> list[IdCondition]:
    """Return conditions that together hold for the ids of some ranges: long ranges, and lists of ids."""
    found: list[IdCondition] = []
    ids: list[int] = []
    for first, last in ranges:
        if last - first >= _SHORT_RANGE:
            found.append(IdCondition("{} BETWEEN ? AND ?", (first, last)))
        else:
            ids += range(first, last + 1)
    for start in range(0, len(ids), _IDS_PER_QUERY):
        part = ids[start : start + _IDS_PER_QUERY]
        found.append(IdCondition(f"{{}} IN ({', '.join('?' * len(part))})", part))
    return found


class CatalogState(NamedTuple):
    """A state of a catalog, which differs after every commit.

    Attributes:
        commits: number of commits: of two states, that with more is the later one.
        last_commit: facts of the commit with the highest id: another catalog, and one that was put back from
            a backup, differ in them.
    """

    commits: int
    last_commit: tuple[Any, ...]


class Commit(NamedTuple):
    """A commit.

    Attributes:
        identity: facts that distinguish it from a commit with the same id in another catalog.
        changed_songs: see the column of ``batches``; likewise ``changed_tracks``.
    """

    id: int
    identity: tuple[Any, ...]
    changed_songs: str | None
    changed_tracks: str | None


def catalog_state(reader: CatalogReader) -> CatalogState:
    """Return the state of a snapshot. It reads one index and one row."""
    ((commits, last_id),) = reader.fetch("SELECT count(*), max(id) FROM {batches}")
    rows = [] if last_id is None else reader.fetch(_COMMITS + " WHERE id = ?", [last_id])
    return CatalogState(commits, tuple(rows[0][:-2]) if rows else ())


_COMMITS = "SELECT id, run_id, songs, links, committed_at, changed_songs, changed_tracks FROM {batches}"


def commits(reader: CatalogReader) -> Iterator[Commit]:
    """Return all commits by their ids."""
    for rows in reader.stream(f"{_COMMITS} ORDER BY id"):
        for row in rows:
            yield Commit(row[0], row[1:-2], *row[-2:])


def highest_song_id(reader: CatalogReader) -> int:
    """Return the highest id of a song; 0 without any."""
    ((highest,),) = reader.fetch("SELECT max(id) FROM {songs}")
    return int(highest or 0)


def run_times(reader: CatalogReader) -> dict[int, str]:
    """Return when each run began: UTC, ISO 8601."""
    return dict(reader.fetch("SELECT id, started_at FROM {runs}"))


def song_sizes(reader: CatalogReader, songs: IdCondition) -> Rows:
    """Return the ids of songs with their numbers of links, in the order of the ids."""
    condition = songs.sql("id")
    statement = f"SELECT id, link_count FROM {{songs}} WHERE {condition} ORDER BY id"  # noqa: S608 - ours
    return reader.stream(statement, songs.values)


def link_count(reader: CatalogReader, songs: IdCondition) -> int:
    """Return the number of links of songs."""
    statement = f"SELECT sum(link_count) FROM {{songs}} WHERE {songs.sql('id')}"  # noqa: S608 - names of ours
    ((count,),) = reader.fetch(statement, songs.values)
    return int(count or 0)


def path_rows(reader: CatalogReader, songs: IdCondition) -> Rows:
    """Return the paths that are there: id of the song, path, length of its root, name of the song."""
    statement = (
        "SELECT song_id, path, root_length, song_name FROM {song_paths} "  # noqa: S608 - names of ours
        f"WHERE gone_at IS NULL AND {songs.sql('song_id')}"
    )
    return reader.stream(statement, songs.values)


def song_rows(reader: CatalogReader, names: Sequence[str], songs: IdCondition) -> Rows:
    """Return ids of songs, followed by the columns of these names."""
    columns = ", ".join(("id", *names))
    statement = f"SELECT {columns} FROM {{songs}} WHERE {songs.sql('id')}"  # noqa: S608 - names of ours
    return reader.stream(statement, songs.values)


def link_rows(reader: CatalogReader, names: Sequence[str], songs: IdCondition) -> Rows:
    """Return ids of songs, positions of links and ids of tracks, followed by the columns of these names.

    The links of a song are in the order of their positions.
    """
    columns = ", ".join(("song_id", "position", "track_id", *names))
    statement = (
        f"SELECT {columns} FROM {{links}} WHERE {songs.sql('song_id')} "  # noqa: S608 - names of ours
        "ORDER BY song_id, position"
    )
    return reader.stream(statement, songs.values)


def some_have_facts(reader: CatalogReader, tracks: IdCondition) -> bool:
    """Return whether facts were computed for some of the tracks."""
    statement = (
        f"SELECT 1 FROM {{tracks}} WHERE facts_version IS NOT NULL AND {tracks.sql('id')} "  # noqa: S608 - ours
        "LIMIT 1"
    )
    return bool(reader.fetch(statement, tracks.values))


def track_rows(reader: CatalogReader, names: Sequence[str], tracks: IdCondition) -> Rows:
    """Return ids and runs of tracks, followed by the columns of these names."""
    columns = ", ".join(("id", "run_id", *names))
    statement = f"SELECT {columns} FROM {{tracks}} WHERE {tracks.sql('id')}"  # noqa: S608 - names of ours
    return reader.stream(statement, tracks.values)
