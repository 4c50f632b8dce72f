"""The groups of similar tracks and songs, the largest first, and what decides which member represents one."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from midiprism.catalog.reader import CatalogReader

_ALL = (1 << 62) - 1

_TOP_GROUPS = (
    "SELECT {column} AS number, count(*) AS members FROM {{{table}}} WHERE {column} IS NOT NULL "
    "GROUP BY {column} ORDER BY count(*) DESC, {column} LIMIT ?"
)


class SimilarTrack(NamedTuple):
    """A track of a group.

    Attributes:
        links: how many links lead to it.
        song_name: of one of its songs; None where none is at any path.
    """

    id: int
    digest: bytes
    name: str | None
    instrument: str
    note_count: int
    links: int
    song_name: str | None

    @property
    def rank(self) -> tuple[int, int, bytes]:
        """The smallest stands for a group: the most links, then the most notes, then the smallest digest."""
        return -self.links, -self.note_count, self.digest


class SimilarSong(NamedTuple):
    """A song of a group.

    Attributes:
        tracks: how many links it has.
        notes: of all of them.
        song_name: at one of its paths; None where it is at none.
    """

    id: int
    digest: bytes
    tracks: int
    notes: int
    song_name: str | None

    @property
    def rank(self) -> tuple[int, int, bytes]:
        """The smallest stands for a group: the most tracks, then the most notes, then the smallest digest."""
        return -self.tracks, -self.notes, self.digest


class SimilarTracks(NamedTuple):
    """A group of tracks; the one that stands for it comes first, then by rank."""

    group: int
    members: list[SimilarTrack]


class SimilarSongs(NamedTuple):
    """A group of songs; the one that stands for it comes first, then by rank."""

    group: int
    members: list[SimilarSong]


class GroupTotals(NamedTuple):
    """Counts of groups, and of what is in them."""

    groups: int
    members: int


def count_track_groups(reader: CatalogReader) -> GroupTotals:
    """Count the groups of tracks."""
    return _count(reader, "tracks", "similar_track_group")


def count_song_groups(reader: CatalogReader) -> GroupTotals:
    """Count the groups of songs."""
    return _count(reader, "songs", "similar_song_group")


def _count(reader: CatalogReader, table: str, column: str) -> GroupTotals:
    statement = f"SELECT count(DISTINCT {column}), count({column}) FROM {{{table}}}"  # noqa: S608 - ours
    ((groups, members),) = reader.fetch(statement)
    return GroupTotals(groups, members)


def similar_tracks(reader: CatalogReader, limit: int | None = None) -> Iterator[SimilarTracks]:
    """Yield the groups of tracks, the largest first. It reads all links."""
    top = _TOP_GROUPS.format(table="tracks", column="similar_track_group")
    statement = (
        "SELECT t.similar_track_group, t.id, t.digest, t.name, t.instrument, t.note_count, "  # noqa: S608
        "coalesce(l.links, 0), (SELECT min(p.song_name) FROM {song_paths} p "
        "WHERE p.song_id = l.song_id AND p.gone_at IS NULL) "
        f"FROM ({top}) g JOIN {{tracks}} t ON t.similar_track_group = g.number "
        "LEFT JOIN (SELECT track_id, count(*) AS links, min(song_id) AS song_id FROM {links} "
        "GROUP BY track_id) l ON l.track_id = t.id "
        "ORDER BY g.members DESC, t.similar_track_group, t.id"
    )
    for group, rows in _groups(reader, statement, limit):
        yield SimilarTracks(group, sorted(map(SimilarTrack._make, rows), key=lambda track: track.rank))


def similar_songs(reader: CatalogReader, limit: int | None = None) -> Iterator[SimilarSongs]:
    """Yield the groups of songs, the largest first."""
    top = _TOP_GROUPS.format(table="songs", column="similar_song_group")
    statement = (
        "SELECT s.similar_song_group, s.id, s.digest, s.link_count, "  # noqa: S608
        "(SELECT CAST(coalesce(sum(t.note_count), 0) AS BIGINT) FROM {links} l "
        "JOIN {tracks} t ON t.id = l.track_id WHERE l.song_id = s.id), "
        "(SELECT min(p.song_name) FROM {song_paths} p WHERE p.song_id = s.id AND p.gone_at IS NULL) "
        f"FROM ({top}) g JOIN {{songs}} s ON s.similar_song_group = g.number "
        "ORDER BY g.members DESC, s.similar_song_group, s.id"
    )
    for group, rows in _groups(reader, statement, limit):
        yield SimilarSongs(group, sorted(map(SimilarSong._make, rows), key=lambda song: song.rank))


def _groups(
    reader: CatalogReader, statement: str, limit: int | None
) -> Iterator[tuple[int, list[list[Any]]]]:
    """Yield each group with its rows, without the number of the group."""
    rows = (row for part in reader.stream(statement, (limit or _ALL,)) for row in part)
    for group, of_group in groupby(rows, key=_first):
        yield group, [[*row[1:]] for row in of_group]


def _first(row: tuple[Any, ...]) -> int:
    number: int = row[0]
    return number
