"""Copies the Parquet files of a result to another folder, under the same names."""

import os

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import atomic_create, atomic_replace, fsync_folder, make_folder
from midiprism.fs.exclusive_create import write_all
from midiprism.fs.fsync import Flusher
from midiprism.fs.open_flags import READ_FLAGS
from midiprism.fs.reflink import Reflinker
from midiprism.stores.errors import LostOrDamagedError, read_error, write_error
from midiprism.stores.files.scanner import file_status
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.sharded import SONGS_TABLE
from midiprism.stores.types import CopyOutcome

_CHUNK_BYTES = 1 << 20


class ShardCopier:
    """Copies shards; see ``TrackCopier``. Each is durable before it has its name."""

    def __init__(self, source: ParquetShards, target: ParquetShards) -> None:
        self._source, self._target = source, target
        self._reflinker = Reflinker()

    def copy(self, path: str, digest: bytes) -> CopyOutcome:
        status = self._target.shard_status(path)
        if status.state == "present" and status.digest == digest:
            return "present"
        source, target = self._source.shard_path(path), self._target.shard_path(path)
        try:
            make_folder(os.path.dirname(target))
            if status.state != "missing":
                self._target.remove_entry(path)
            with atomic_create(target) as descriptor:
                copied_digest, outcome = self._copy_bytes(descriptor, source, path)
                if copied_digest != digest:
                    raise LostOrDamagedError(f"{path} does not hold the bytes that were written to it.")
            fsync_folder(os.path.dirname(target))
        except OSError as error:
            raise write_error(self._target.root, error) from error
        return outcome

    def copy_derived(self) -> None:
        """Copy the table of songs. The catalog has no digest of it; what is copied can be read."""
        source, target = self._source.songs_table_path, self._target.songs_table_path
        if not os.path.lexists(source):
            return
        try:
            self._source.count_songs_table_rows()
        except StoreError as error:
            raise LostOrDamagedError(str(error)) from error
        try:
            make_folder(os.path.dirname(target))
            with atomic_replace(target) as descriptor:
                self._copy_bytes(descriptor, source, SONGS_TABLE)
            fsync_folder(os.path.dirname(target))
        except OSError as error:
            raise write_error(self._target.root, error) from error

    def flush(self) -> None:
        try:
            Flusher(self._target.root).flush()
        except OSError as error:
            raise write_error(self._target.root, error) from error

    def _copy_bytes(self, descriptor: int, source_path: str, name: str) -> tuple[bytes, CopyOutcome]:
        """Fill a new file with the bytes of another, and return their digest."""
        try:
            if self._reflinker.reflink(source_path, descriptor):
                return file_status(source_path).digest, "shared"
            file = os.open(source_path, READ_FLAGS)
        except OSError as error:
            raise LostOrDamagedError(str(read_error(name, error))) from error
        try:
            hasher = blake3()
            while chunk := _read_chunk(file, name):
                hasher.update(chunk)
                write_all(descriptor, chunk)
            return hasher.digest(), "copied"
        finally:
            os.close(file)


def _read_chunk(descriptor: int, name: str) -> bytes:
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except OSError as error:
        raise LostOrDamagedError(str(read_error(name, error))) from error
