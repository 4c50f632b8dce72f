"""A song of a result, as the Python interface returns it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from midiprism.catalog.queries.song_rows import song_columns
from midiprism.sources.file_types import source_of_song


class SongRow(NamedTuple):
    """A song of a result.

    Attributes:
        id: its number in the catalog.
        digest: BLAKE3 of its bytes.
        path: absolute, in the file system's bytes; of several paths the bytewise smallest. None if no path
            holds this song any more.
        root_length: so many leading bytes of the path are the source folder, with its separator.
        size: in bytes.
        outcome: ``split``, ``repaired``, ``no_notes``, ``adopted``, ``corrupt``, ``unreadable`` or
            ``failed``.
        format: of the MIDI file: 0, 1 or 2.
        num_tracks: number of source tracks.
        division: as its header states it.
        duration_ticks: length in ticks.
        duration_seconds: length in seconds.
        lost_bytes: bytes that may hold music and were not understood; None where damage has cost no music.
        track_count: number of its tracks in the result.
        source_metadata: what the source says of the song at that path, such as the columns of a Parquet file
            that were kept; None for nothing.
        song_key: estimated from all its tracks but drums, such as ``D minor``; None where it was not.
        song_key_strength: correlation of its notes with that key, 0 to 1.
        similar_song_group: number of its group of songs that share similar tracks; None where it is in none.
    """

    id: int
    digest: bytes
    path: bytes | None
    root_length: int | None
    size: int | None
    outcome: str
    format: int | None
    num_tracks: int | None
    division: int | None
    duration_ticks: int | None
    duration_seconds: float | None
    lost_bytes: int | None
    track_count: int
    source_metadata: Mapping[str, Any] | None = None
    song_key: str | None = None
    song_key_strength: float | None = None
    similar_song_group: int | None = None

    @property
    def source(self) -> bytes | None:
        """The folder, archive or Parquet file that it comes from; None without a path."""
        return None if self.path is None else source_of_song(self.path, self.root_length or 0)


def read_songs(connection: Connection) -> Iterator[SongRow]:
    """Yield every song of a catalog whose content is known."""
    for columns in song_columns(connection):
        for values in zip(*columns, strict=True):
            row = SongRow._make(values)
            metadata: Any = row.source_metadata
            yield row._replace(source_metadata=None if metadata is None else json.loads(metadata))
