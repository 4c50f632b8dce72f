"""A link of a song with its track, as searches return it. It loads no database."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from midiprism.records.fields import LinkRecord
from midiprism.records.track_record import TrackRecord
from midiprism.sources.file_types import source_of_song
from midiprism.stores.types import TrackLocation


class TrackRow(NamedTuple):
    """A link of a song with its track.

    Of several paths that are there, the bytewise smallest names the song.

    Attributes:
        song_id: id of the song in the catalog.
        song_path: absolute, in the file system's bytes.
        root_length: leading bytes of the path that are the source folder, with its separator.
        song_name: the rest as text, without suffix.
        link: how the song has the track, and the track.
        shard: name of the shard that holds the track; None where it is a file of its own.
        shard_row: 0-based, in that shard.
        source_metadata: what the source says of the song at that path, such as columns of a Parquet file.
        paths: all paths of the song that are there, the smallest first.
        song_names: the names of the song at these paths.
        added: when the run began that added the track, UTC, ISO 8601; None if that run is not recorded.
        shared: number of songs at any path that have the track; None where it was not counted.
        song_digest: BLAKE3 of the song's bytes.
        position: 0-based, of the link among the song's.
        song_facts: the facts of the song, see ``SONG_FACT_FIELDS``.
    """

    song_id: int
    song_path: bytes
    root_length: int
    song_name: str
    link: LinkRecord
    shard: str | None = None
    shard_row: int | None = None
    source_metadata: Mapping[str, Any] | None = None
    paths: tuple[bytes, ...] = ()
    song_names: tuple[str, ...] = ()
    added: str | None = None
    shared: int | None = None
    song_digest: bytes = b""
    position: int = 0
    song_facts: Mapping[str, Any] = {}

    @property
    def source(self) -> bytes:
        """The folder, archive or Parquet file that the song comes from."""
        return source_of_song(self.song_path, self.root_length)

    @property
    def track(self) -> TrackRecord:
        """The track itself, with the facts that its own bytes state."""
        return self.link.track

    @property
    def location(self) -> TrackLocation:
        """The place of the track in the store."""
        track = self.track
        return TrackLocation(
            track.family, track.stem, track.digest, track.digest_digits, self.shard, self.shard_row
        )
