"""Carrying the files of a result to another folder: under the same names, whole, checked by their digests.

What is there already, whole, is left: it is read, since after a power cut a file may have its size and not
its bytes. Anything else in its place is replaced.
"""

import os
from typing import Literal

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import atomic_create, atomic_replace, fsync_folder, make_folder, write_all
from midiprism.fs.reflink import Reflinker
from midiprism.stores.files.scanner import file_status
from midiprism.stores.files.store import FileStore, write_error
from midiprism.stores.parquet.store import SONGS_TABLE, ParquetStore

CopyOutcome = Literal["copied", "shared", "there"]
"""``shared``: the copy shares its blocks with the original."""

_READ_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_CHUNK_BYTES = 1 << 20


class LostOrDamagedError(StoreError):
    """What is to be carried is lost or damaged."""


class TrackCopier:
    """Carries tracks that are files of their own. Any number of threads may, each its own tracks.

    Args:
        source: the folder that holds them.
        target: the folder that is to, which exists.
    """

    def __init__(self, source_root: str, target_root: str) -> None:
        self._source_root = os.path.abspath(source_root)
        self._source_store, self._target_store = FileStore(source_root), FileStore(target_root)
        self._reflinker = Reflinker()

    def copy(self, path: str, digest: bytes) -> CopyOutcome:
        """Carry a track.

        Raises:
            NotWholeError: it is lost or damaged.
            StoreError: the target cannot be written.
        """
        if self._target_store.has_intact(path, digest):
            return "there"
        try:
            data = self._source_store.get(path)
        except StoreError as error:
            raise LostOrDamagedError(str(error)) from error
        if blake3(data).digest() != digest:
            raise LostOrDamagedError(f"{path} does not hold the bytes of its track.")
        shared = False

        def clone(descriptor: int) -> bool:
            nonlocal shared
            shared = self._reflinker.reflink(os.path.join(self._source_root, *path.split("/")), descriptor)
            return shared

        self._target_store.put_at(path, data, clone if self._reflinker.supported else None)
        return "shared" if shared else "copied"

    def flush(self) -> None:
        """Return when all of it would survive a power cut; on Linux whatever else was written there too.

        Raises:
            StoreError: it would not.
        """
        self._target_store.flush()


class ShardCopier:
    """Carries the Parquet files of a result, each of which is flushed before it has its name.

    Args:
        source: those that there are.
        target: the same in the folder that they are carried to.
    """

    def __init__(self, source_store: ParquetStore, target_store: ParquetStore) -> None:
        self._source_store, self._target_store = source_store, target_store
        self._reflinker = Reflinker()

    def copy(self, name: str, size: int, digest: bytes) -> CopyOutcome:
        """Carry a shard.

        Raises:
            NotWholeError: it is lost or damaged.
            StoreError: the target cannot be written.
        """
        there = self._target_store.status_of(name)
        if (there.state, there.size, there.digest) == ("file", size, digest):
            return "there"
        source, target = self._source_store.shard_path(name), self._target_store.shard_path(name)
        try:
            make_folder(os.path.dirname(target))
            if there.state != "missing":
                self._target_store.force_remove(name)
            with atomic_create(target) as descriptor:
                found, carried = self._copy_bytes(descriptor, source, name)
                if found != digest:
                    raise LostOrDamagedError(f"{name} does not hold the bytes that were written to it.")
            fsync_folder(os.path.dirname(target))
        except OSError as error:
            raise write_error(self._target_store.root, error) from error
        return carried

    def copy_songs_table(self) -> CopyOutcome | None:
        """Carry the table of songs; None where there is none, since no run has come to write it.

        It is derived from the catalogue, which has no digest of it: what is carried can be read.

        Raises:
            NotWholeError: it cannot be.
            StoreError: the target cannot be written.
        """
        source, target = self._source_store.songs_table_path, self._target_store.songs_table_path
        if not os.path.lexists(source):
            return None
        try:
            self._source_store.count_songs_table_rows()
        except StoreError as error:
            raise LostOrDamagedError(str(error)) from error
        try:
            make_folder(os.path.dirname(target))
            with atomic_replace(target) as descriptor:
                carried = self._copy_bytes(descriptor, source, SONGS_TABLE)[1]
            fsync_folder(os.path.dirname(target))
        except OSError as error:
            raise write_error(self._target_store.root, error) from error
        return carried

    def _copy_bytes(self, descriptor: int, source_path: str, name: str) -> tuple[bytes, CopyOutcome]:
        """Fill a new file with the bytes of another; their digest."""
        try:
            if self._reflinker.reflink(source_path, descriptor):
                return file_status(source_path).digest, "shared"
            file = os.open(source_path, _READ_FLAGS)
        except OSError as error:
            raise LostOrDamagedError(f"{name} cannot be read: {error.strerror or error}.") from error
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
        raise LostOrDamagedError(f"{name} cannot be read: {error.strerror or error}.") from error
