"""Writes the tracks and links of a chunk to shards, which go from the local disk to object storage."""

import os
from collections.abc import Collection, Sequence
from typing import Any

from midiprism.generations.digests import DIGEST_BYTES
from midiprism.generations.result import ResultIdentity
from midiprism.generations.stage_clocks import CLOCKS
from midiprism.generations.stored_objects import StoredObject
from midiprism.objects import ObjectStorage
from midiprism.records.batches import BatchRecord, Columns, LinkedSongs, concatenate
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.parquet.shard_writer import LINKS_PER_SHARD, link_columns, track_columns
from midiprism.stores.parquet.shards import SHARD_BYTES, SHARD_ROWS
from midiprism.stores.sharded import WrittenShard


class ShardUploads:
    """The shards of a chunk. Rows are collected until they fill one.

    Args:
        storage: of the result.
        folder: on the local disk.
        stem: part of the names of shards, which nobody else uses.
        identity: of the result.

    Attributes:
        tracks: shards of tracks that were written.
        links: shards of links that were written.
        track_digests: of the tracks in them.
    """

    def __init__(self, storage: ObjectStorage, folder: str, stem: str, identity: ResultIdentity) -> None:
        self._storage = storage
        self._folder = folder
        self._stem = stem
        self._shards = ParquetShards(folder, identity.metadata())
        self._tracks: list[Columns] = []
        self._music: list[bytes | memoryview] = []
        self._music_bytes = 0
        self._linked: list[LinkedSongs] = []
        self._link_count = 0
        self.tracks: list[StoredObject] = []
        self.links: list[StoredObject] = []
        self.track_digests: set[bytes] = set()

    def add(self, record: BatchRecord, first_tracks: Collection[bytes]) -> None:
        """Add the songs of a batch, and those of their tracks that the chunk is the first to have.

        Raises:
            ObjectStorageError: a shard cannot be written.
            StoreError: it cannot be written to the local disk.
        """
        self._add_tracks(record, first_tracks)
        indices = range(len(record.songs))
        linked = LinkedSongs.of(record, indices, indices)
        self._linked.append(linked)
        self._link_count += len(linked.links)
        if len(self._music) >= SHARD_ROWS or self._music_bytes >= SHARD_BYTES:
            self._write_tracks()
        if self._link_count >= LINKS_PER_SHARD:
            self._write_links()

    def close(self) -> None:
        """Write the rows that are left."""
        if self._music:
            self._write_tracks()
        if self._link_count:
            self._write_links()

    def _add_tracks(self, record: BatchRecord, first_tracks: Collection[bytes]) -> None:
        data_by_digest = dict(record.packed_tracks.items())
        digests = record.tracks["digest"]
        indices = [
            index
            for index, digest in enumerate(digests)
            if digest in data_by_digest
            and digest[:DIGEST_BYTES] in first_tracks
            and digest not in self.track_digests
        ]
        if not indices:
            return
        chosen = [digests[index] for index in indices]
        self.track_digests.update(chosen)
        music = [*map(data_by_digest.__getitem__, chosen)]
        self._tracks.append(record.tracks.take(indices))
        self._music += music
        self._music_bytes += sum(map(len, music))

    def _write_tracks(self) -> None:
        columns = track_columns(concatenate(self._tracks), self._music)
        stem = f"{self._stem}-{len(self.tracks):04}"
        self.tracks += self._upload(self._shards.write_tracks(stem, columns).shards)
        self._tracks, self._music, self._music_bytes = [], [], 0

    def _write_links(self) -> None:
        stem = f"{self._stem}-{len(self.links):04}"
        self.links += self._upload(self._shards.write_links(stem, link_columns(self._linked)).shards)
        self._linked, self._link_count = [], 0

    def _upload(self, shards: Sequence[WrittenShard]) -> list[StoredObject]:
        """Put shards under their names, remove them from the local disk, and return them."""
        stored: list[StoredObject] = []
        for shard in shards:
            path = self._shards.shard_path(shard.name)
            with open(path, "rb") as file:
                data: Any = file.read()
            with CLOCKS.measure("writes"):
                self._storage.put(shard.name, data)
            os.unlink(path)
            stored.append(StoredObject(shard.name, shard.size, shard.digest.hex(), shard.rows))
        return stored
