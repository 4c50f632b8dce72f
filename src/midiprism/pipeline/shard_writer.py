"""Tracks and links of a commit, as rows of shards."""

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, repeat

from midiprism.catalog import (
    BatchRecord,
    NewTrack,
    PackedTracks,
    PackedTrackValues,
    ShardFile,
    ShardPosition,
    SongRecord,
    StatedMetaValues,
    TrackValues,
    WrittenShards,
)
from midiprism.errors import MidiprismError, StoreError
from midiprism.stores import ShardedTracks
from midiprism.stores.parquet.schema import ColumnValues

_LINKS_PER_SHARD = 50_000
"""Of a shard; more only where a single song has them."""


class ShardWriter:
    """Writes what commits have won; see ``ShardSink``.

    Args:
        store: where to.
        run_id: of the run.
        batches: what is committed, with the contents.
    """

    def __init__(self, store: ShardedTracks, run_id: int, batches: Iterable[BatchRecord]) -> None:
        self._store = store
        self._run_id = run_id
        self._data_by_digest: dict[bytes, PackedTrackValues] = {}
        for batch in batches:
            self._data_by_digest.update(batch.packed_tracks.items())
        self._written_shards: list[ShardFile] = []
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

    def write_ahead(self, tracks: Sequence[NewTrack], songs_with_links: Sequence[SongRecord]) -> None:
        """Write what will be asked for later, where nobody else can win it meanwhile.

        Raises:
            StoreError: it cannot be written.
        """
        self._written_ahead = self._write_shards(tracks, songs_with_links)

    def write_shards(
        self, new_tracks: Sequence[NewTrack], linked_songs: Sequence[SongRecord]
    ) -> WrittenShards:
        return self._written_ahead or self._write_shards(new_tracks, linked_songs)

    def _write_shards(
        self, tracks: Sequence[NewTrack], songs_with_links: Sequence[SongRecord]
    ) -> WrittenShards:
        stem = f"{self._run_id}-{secrets.token_hex(8)}"
        try:
            written, places = self._store.write_tracks(stem, self._track_columns(tracks))
            shards = [ShardFile(*shard) for shard in written]
            self._written_shards += shards
            homes: list[int] = []
            for number, part in enumerate(_groups_per_shard(songs_with_links)):
                (shard,), _ = self._store.write_links(f"{stem}-{number}", link_columns(part))
                homes += [len(shards)] * len(part)
                shards.append(ShardFile(*shard))
                self._written_shards.append(shards[-1])
        except BaseException:
            self._remove_written()
            raise
        return WrittenShards(shards, list(map(ShardPosition._make, places)), homes)

    def _track_columns(self, tracks: Sequence[NewTrack]) -> ColumnValues:
        values = [track.values for track in tracks]
        try:
            contents = [self._data_by_digest[value[0]] for value in values]
        except KeyError:
            message = "A track that was taken for known is new: run the same command again."
            raise StoreError(message) from None
        return track_columns(values, contents)

    def _remove_written(self) -> None:
        """Remove what was written; what cannot be removed is swept later."""
        for shard in self._written_shards:
            with contextlib.suppress(MidiprismError):
                self._store.remove(shard.name)
        self._written_shards = []


def pack_tracks(
    data_by_digest: Mapping[bytes, bytes], stated_by_digest: Mapping[bytes, StatedMetaValues]
) -> PackedTracks:
    """Contents by their digests, joined, each with what it states."""
    stops = tuple(accumulate(map(len, data_by_digest.values())))
    return PackedTracks(
        tuple(data_by_digest),
        stops,
        [stated_by_digest[digest] for digest in data_by_digest],
        b"".join(data_by_digest.values()),
    )


def track_columns(tracks: Sequence[TrackValues], contents: Sequence[PackedTrackValues]) -> ColumnValues:
    """Tracks as the cells of a ``ParquetTrack``; made for all of them at once, since they are many."""
    if not tracks:
        return ()
    digests, sizes, _stems, _digits, *facts = zip(*tracks, strict=True)
    data, *stated = zip(*contents, strict=True)
    return (digests, *facts, *stated, sizes, data)


def link_columns(songs: Sequence[SongRecord]) -> ColumnValues:
    """The links of songs, each of which has some, as the cells of a ``ParquetLink``."""
    numbers, channels, programs, parts, names, instruments, families, tracks = zip(
        *chain.from_iterable([song.links for song in songs]), strict=True
    )
    counts = [len(song.links) for song in songs]
    song_digests = chain.from_iterable(map(repeat, [song.digest for song in songs], counts))
    positions = chain.from_iterable(map(range, counts))
    return (
        list(song_digests),
        list(positions),
        numbers,
        channels,
        programs,
        parts,
        names,
        instruments,
        families,
        [track[0] for track in tracks],
    )


def _groups_per_shard(songs: Sequence[SongRecord]) -> Iterator[Sequence[SongRecord]]:
    """Songs divided so that the links of each part fit into one shard."""
    first = links = 0
    for at, song in enumerate(songs):
        if at > first and links + len(song.links) > _LINKS_PER_SHARD:
            yield songs[first:at]
            first, links = at, 0
        links += len(song.links)
    if first < len(songs):
        yield songs[first:]
