"""A store that keeps many tracks in one Parquet file, a shard, which a commit writes."""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence, Set
from typing import Any, NamedTuple

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.fsync import Flusher
from midiprism.records.batches import BatchRecord
from midiprism.stores.errors import wrap_read_errors, write_error
from midiprism.stores.files.layout import SHORT_DIGEST_DIGITS, track_stem
from midiprism.stores.interface import StoreCapabilities, StoreOptions
from midiprism.stores.parquet.copier import ShardCopier
from midiprism.stores.parquet.io import RowGroups, parquet_errors, read_group_tracks
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.parquet.shard_writer import ShardWriter
from midiprism.stores.sharded import LINKS_FOLDER, SONGS_TABLE, TRACKS_FOLDER
from midiprism.stores.types import (
    EntryFilter,
    FileStatus,
    PrefixFilter,
    ScannedEntry,
    StoredTrack,
    TrackLocation,
    any_entry,
    any_prefix,
    make_stored_track,
)

_MAX_OPEN_SHARDS = 16
_MAX_CACHED_GROUPS = 8
_MAX_TAKEN_DIGESTS = 65_536


class _OpenShard(NamedTuple):
    file: Any
    groups: RowGroups


class ParquetStore:
    """Keeps tracks in Parquet files below ``root``; see ``TrackStore``. For one thread.

    Args:
        root: the folder of the result, which exists.

    Raises:
        UsageError: pyarrow is not installed.
    """

    def __init__(self, root: str | os.PathLike[str], options: StoreOptions | None = None) -> None:
        self._root = os.path.abspath(os.fspath(root))
        self._options = options or StoreOptions()
        self._shards = ParquetShards(
            self._root,
            self._options.metadata,
            file_system=self._options.file_system,
            mirrored_url=self._options.mirrored_url,
        )
        self._flusher = Flusher(self._root)
        self._pending: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()
        self._open_shards: OrderedDict[str, _OpenShard] = OrderedDict()
        self._cached_groups: OrderedDict[tuple[str, int], list[tuple[bytes, bytes]]] = OrderedDict()

    def __reduce__(self) -> tuple[type["ParquetStore"], tuple[str, StoreOptions]]:
        return type(self), (self._root, self._options)

    @property
    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities(
            writes_in_commit=True, folders=(TRACKS_FOLDER, LINKS_FOLDER, os.path.dirname(SONGS_TABLE))
        )

    @property
    def shards(self) -> ParquetShards:
        return self._shards

    def close(self) -> None:
        self._cached_groups.clear()
        while self._open_shards:
            _, shard = self._open_shards.popitem()
            shard.file.close()

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:  # noqa: ARG002
        unseen = digest not in self._taken
        if unseen:
            self._pending[digest] = data
        # Only the commit knows where the track will be, and whether it is new.
        return make_stored_track(("", track_stem(name, instrument), SHORT_DIGEST_DIGITS, False, unseen))

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        pending, self._pending = self._pending, {}
        if wanted is not None:
            pending = {digest: data for digest, data in pending.items() if digest in wanted}
        if self._options.commits_in_order:
            if len(self._taken) > _MAX_TAKEN_DIGESTS:
                self._taken.clear()
            self._taken.update(pending)
        return pending

    def forget_taken(self) -> None:
        self._taken.clear()

    def commit_sink(self, run_id: int, batches: Sequence[BatchRecord]) -> ShardWriter:
        return ShardWriter(self._shards, run_id, batches)

    def flush(self) -> None:
        try:
            self._flusher.flush()  # shards are durable already; what was copied may not be
        except OSError as error:
            raise write_error(self._root, error) from error

    def path_of(self, location: TrackLocation) -> str | None:
        return location.shard

    def local_path(self, location: TrackLocation) -> None:  # noqa: ARG002
        return None

    def read(self, location: TrackLocation) -> bytes:
        """Return the bytes of a track. Reads one row group, or none if it was read a moment ago."""
        shard, row = location.shard, location.row
        if shard is None or row is None:
            raise StoreError("No shard holds the track: a repair restores it from its song.")
        try:
            opened = self._open_shard(shard)
            with wrap_read_errors(shard, *parquet_errors()):
                group, row_in_group = opened.groups.locate(row)
                tracks = self._read_group(shard, opened.file, group)
            if row_in_group < len(tracks):
                _, data = tracks[row_in_group]
                if blake3(data).digest() == location.digest:
                    return data
        except StoreError:
            self.close()  # the shard may be repaired and read again
            raise
        raise StoreError(f"{shard} is damaged: its row {row:,} is not the track {location.digest.hex()}.")

    def status_of(self, location: TrackLocation) -> FileStatus:
        if location.shard is None:
            return FileStatus("missing", reason="No shard holds it.")
        try:
            data = self.read(location)
        except StoreError as error:
            status = self._shards.shard_status(location.shard)
            return status if status.state != "present" else FileStatus("unreadable", reason=str(error))
        return FileStatus("present", len(data), location.digest)

    def scan(self, wants_prefix: PrefixFilter = any_prefix) -> Iterator[list[ScannedEntry]]:  # noqa: ARG002
        for folder in self.capabilities.folders:
            yield self._shards.scan_folder(folder)

    def is_same_file(self, listed_path: str, path: str) -> bool:
        return self._shards.is_same_file(listed_path, path)

    def entry_status(self, path: str) -> FileStatus:
        return self._shards.entry_status(path)

    def delete(self, path: str) -> None:
        self.close()  # Windows removes no file that is open
        self._shards.remove_entry(path)

    def remove_temporary_files(self, may_remove: EntryFilter = any_entry) -> int:
        temporary = [entry for entries in self.scan() for entry in entries if entry.kind == "temporary"]
        paths = [entry.path for entry in temporary if may_remove(entry)]
        for path in paths:
            self.delete(path)
        return len(paths)

    def copier_to(self, root: str) -> ShardCopier:
        return ShardCopier(self._shards, ParquetShards(root, self._options.metadata))

    def _open_shard(self, shard: str) -> _OpenShard:
        opened = self._open_shards.get(shard)
        if opened is None:
            file = self._shards.open_tracks(shard)
            opened = self._open_shards[shard] = _OpenShard(file, RowGroups(file))
            if len(self._open_shards) > _MAX_OPEN_SHARDS:
                _, oldest = self._open_shards.popitem(last=False)
                oldest.file.close()
        self._open_shards.move_to_end(shard)
        return opened

    def _read_group(self, shard: str, file: Any, group: int) -> list[tuple[bytes, bytes]]:
        tracks = self._cached_groups.get((shard, group))
        if tracks is None:
            tracks = self._cached_groups[shard, group] = read_group_tracks(file, group)
            if len(self._cached_groups) > _MAX_CACHED_GROUPS:
                self._cached_groups.popitem(last=False)
        self._cached_groups.move_to_end((shard, group))
        return tracks
