"""The rows that similarity needs: tracks to fingerprint, links of songs to tracks, and groups of both."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from midiprism.catalog.reader import CatalogReader
from midiprism.stores.types import TrackLocation

GROUPING_KEY = "similar_groups"
"""The property that holds what a grouping recorded of itself."""
_IDS_PER_QUERY = 500


class TrackToFingerprint(NamedTuple):
    """A track, and where it is stored."""

    id: int
    digest: bytes
    family: str
    stem: str
    digest_digits: int
    shard: str | None
    shard_row: int | None

    @property
    def location(self) -> TrackLocation:
        """The place of the track."""
        return TrackLocation(
            self.family, self.stem, self.digest, self.digest_digits, self.shard, self.shard_row
        )


_TRACKS = (
    "SELECT t.id, t.digest, t.family, t.stem, t.digest_digits, s.name, t.shard_row "
    "FROM {tracks} t LEFT JOIN {shards} s ON s.id = t.shard_id "
)


def tracks_after(reader: CatalogReader, track_id: int, limit: int) -> list[TrackToFingerprint]:
    """Return the first tracks whose ids are higher, in the order of their ids."""
    rows = reader.fetch(f"{_TRACKS} WHERE t.id > ? ORDER BY t.id LIMIT ?", (track_id, limit))
    return [TrackToFingerprint(*row) for row in rows]


def tracks_of(reader: CatalogReader, track_ids: Sequence[int]) -> list[TrackToFingerprint]:
    """Return those tracks that there are, in the order of their ids."""
    found = []
    for at in range(0, len(track_ids), _IDS_PER_QUERY):
        part = track_ids[at : at + _IDS_PER_QUERY]
        marks = ", ".join("?" * len(part))
        found += reader.fetch(f"{_TRACKS} WHERE t.id IN ({marks})", part)
    return sorted(TrackToFingerprint(*row) for row in found)


def highest_track_id(reader: CatalogReader) -> int:
    """Return the highest id of a track; 0 without any."""
    ((highest,),) = reader.fetch("SELECT max(id) FROM {tracks}")
    return int(highest or 0)


def count_tracks_after(reader: CatalogReader, track_id: int) -> int:
    """Return the number of tracks whose ids are higher."""
    ((count,),) = reader.fetch("SELECT count(*) FROM {tracks} WHERE id > ?", (track_id,))
    return int(count)


def count_tracks_up_to(reader: CatalogReader, track_id: int) -> int:
    """Return the number of tracks whose ids are not higher."""
    if track_id >= highest_track_id(reader):
        ((count,),) = reader.fetch("SELECT count(*) FROM {tracks}")  # which an index answers
    else:
        ((count,),) = reader.fetch("SELECT count(*) FROM {tracks} WHERE id <= ?", (track_id,))
    return int(count)


def digests_of(reader: CatalogReader, track_ids: Sequence[int]) -> dict[int, bytes]:
    """Return the digests of those tracks that there are, by their ids."""
    found: dict[int, bytes] = {}
    for at in range(0, len(track_ids), _IDS_PER_QUERY):
        part = track_ids[at : at + _IDS_PER_QUERY]
        marks = ", ".join("?" * len(part))
        found.update(reader.fetch(f"SELECT id, digest FROM {{tracks}} WHERE id IN ({marks})", part))  # noqa: S608
    return found


def tracks_with_prefix(reader: CatalogReader, first: bytes, last: bytes) -> list[tuple[int, bytes]]:
    """Return ids and digests of the tracks whose digests lie between two, inclusive; two tracks at most."""
    return [
        (row[0], row[1])
        for row in reader.fetch(
            "SELECT id, digest FROM {tracks} WHERE digest BETWEEN ? AND ? ORDER BY digest LIMIT 2",
            (first, last),
        )
    ]


def track_groups(reader: CatalogReader) -> Any:
    """Return the tracks that are in groups: ids and groups; int64, shape (tracks, 2), in no order."""
    return _numbers(
        reader,
        "SELECT id, similar_track_group FROM {tracks} WHERE similar_track_group IS NOT NULL",
        2,
    )


def song_groups(reader: CatalogReader) -> Any:
    """Return the songs that are in groups: ids and groups; int64, shape (songs, 2), in no order."""
    return _numbers(
        reader, "SELECT id, similar_song_group FROM {songs} WHERE similar_song_group IS NOT NULL", 2
    )


def track_ids(reader: CatalogReader) -> Any:
    """Return the ids of all tracks; int64, ascending."""
    return _numbers(reader, "SELECT id FROM {tracks} ORDER BY id", 1)[:, 0]


def links_of_all(reader: CatalogReader) -> Any:
    """Return the links of all songs: ids of songs and of tracks; int64, shape (links, 2)."""
    return _numbers(reader, "SELECT song_id, track_id FROM {links}", 2)


def _numbers(reader: CatalogReader, statement: str, columns: int) -> Any:
    parts = [
        np.fromiter(chain.from_iterable(rows), np.int64, columns * len(rows))
        for rows in reader.stream(statement)
    ]
    return np.concatenate([np.empty(0, np.int64), *parts]).reshape(-1, columns)


def grouping_state(reader: CatalogReader) -> str | None:
    """Return what the last grouping recorded of itself; None if there was none."""
    rows = reader.fetch("SELECT value FROM {properties} WHERE key = ?", (GROUPING_KEY,))
    return rows[0][0] if rows else None
