"""The new tracks and links of a commit, written to shards."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, repeat

from midiprism.errors import MidiprismError, StoreError
from midiprism.records.batches import BatchRecord, Columns, LinkedSongs, joined_column
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS
from midiprism.stores.parquet.schema import MUSIC_COLUMN, ColumnValues
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.shard_sink import WrittenShards
from midiprism.stores.sharded import WrittenShard

LINKS_PER_SHARD = 50_000
"""Most links in a shard, unless a single song has more."""


class ShardWriter:
    """Writes the new tracks and links of commits to shards; see ``ShardSink``.

    Args:
        shards: of the result.
        run_id: of the run.
        batches: that are committed, with the bytes of their tracks.
    """

    def __init__(self, shards: ParquetShards, run_id: int, batches: Iterable[BatchRecord]) -> None:
        self._shards = shards
        self._run_id = run_id
        self._data_by_digest: dict[bytes, bytes | memoryview] = {}
        for batch in batches:
            self._data_by_digest.update(batch.packed_tracks.items())
        self._written_shards: list[WrittenShard] = []
        self._written_ahead: WrittenShards | None = None

    @contextlib.contextmanager
    def remove_on_error(self) -> Iterator[None]:
        if self._written_ahead is None:
            self._written_shards = []  # of an earlier attempt, whose COMMIT may have gone through
        try:
            yield
        except BaseException:
            self._remove_written()
            raise

    def write_ahead(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> None:
        self._written_ahead = self._write_shards(new_tracks, linked_songs)

    def write_shards(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> WrittenShards:
        return self._written_ahead or self._write_shards(new_tracks, linked_songs)

    def _write_shards(self, new_tracks: Columns, linked_songs: Sequence[LinkedSongs]) -> WrittenShards:
        stem = self._shards.new_stem(self._run_id)
        try:
            written, positions = self._shards.write_tracks(stem, self._track_columns(new_tracks))
            shards = list(written)
            self._written_shards += shards
            link_shards: list[int] = []
            links = link_columns(linked_songs)
            counts = [*chain.from_iterable(songs.link_counts for songs in linked_songs)]
            ends = [0, *accumulate(counts)]
            for number, (first, last) in enumerate(_songs_per_shard(counts)):
                part = {name: values[ends[first] : ends[last]] for name, values in links.items()}
                (shard,), _ = self._shards.write_links(f"{stem}-{number}", part)
                link_shards += [len(shards)] * (last - first)
                shards.append(shard)
                self._written_shards.append(shards[-1])
        except BaseException:
            self._remove_written()
            raise
        return WrittenShards(shards, positions, link_shards)

    def _track_columns(self, new_tracks: Columns) -> ColumnValues:
        if not len(new_tracks):
            return {}
        try:
            music = [*map(self._data_by_digest.__getitem__, new_tracks["digest"])]
        except KeyError:
            message = "A track that was taken for known is new: run the same command again."
            raise StoreError(message) from None
        return track_columns(new_tracks, music)

    def _remove_written(self) -> None:
        """Remove the shards that were written; a later run sweeps those that cannot be removed."""
        for shard in self._written_shards:
            with contextlib.suppress(MidiprismError):
                self._shards.remove(shard.name)
        self._written_shards = []


def track_columns(tracks: Columns, music: Sequence[bytes | memoryview]) -> ColumnValues:
    """Return tracks with their bytes as columns of a shard."""
    facts = {field.parquet_name: tracks[field.name] for field in TRACK_FIELDS if field.parquet_name}
    return {**facts, MUSIC_COLUMN: music}


def link_columns(linked_songs: Sequence[LinkedSongs]) -> ColumnValues:
    """Return the links of songs as columns of a shard."""
    counts = [*chain.from_iterable(songs.link_counts for songs in linked_songs)]
    song_digests = chain.from_iterable(songs.digests for songs in linked_songs)
    facts = {
        field.parquet_name: joined_column([songs.links[field.name] for songs in linked_songs])
        for field in LINK_FIELDS
        if field.parquet_name
    }
    return {
        "song_blake3": [*chain.from_iterable(map(repeat, song_digests, counts))],
        "position": [*chain.from_iterable(map(range, counts))],
        **facts,
        "track_blake3": [*chain.from_iterable(songs.link_track_digests() for songs in linked_songs)],
    }


def _songs_per_shard(link_counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Divide songs so that the links of each part fit into one shard.

    Returns:
        For each part the index of its first song, and that after its last.
    """
    first = links = 0
    for index, count in enumerate(link_counts):
        if index > first and links + count > LINKS_PER_SHARD:
            yield first, index
            first, links = index, 0
        links += count
    if first < len(link_counts):
        yield first, len(link_counts)
