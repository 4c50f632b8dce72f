"""Carrying the files of a result to another folder: under the same names, whole, checked by their digests.

What is there already, whole, is left: it is read, since after a power cut a file may have its size and not
its bytes. Anything else in its place is replaced.
"""

import os
from typing import Literal

from blake3 import blake3

from midiprism.errors import StoreError
from midiprism.store.cloning import Cloner
from midiprism.store.files import FileStore, unwritable
from midiprism.store.parquet import SONGS, ParquetStore
from midiprism.store.survey import look_at
from midiprism.store.whole import make_folder, new_file, replaced_file, sync_folder, write_all

Carried = Literal["copied", "shared", "there"]
"""``shared``: the copy shares its blocks with the original."""

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CHUNK = 1 << 20


class NotWholeError(StoreError):
    """What is to be carried is lost or damaged."""


class TrackCarrier:
    """Carries tracks that are files of their own. Any number of threads may, each its own tracks.

    Args:
        source: the folder that holds them.
        target: the folder that is to, which exists.
    """

    def __init__(self, source: str, target: str) -> None:
        self._root = os.path.abspath(source)
        self._from, self._to = FileStore(source), FileStore(target)
        self._cloner = Cloner()

    def carry(self, path: str, digest: bytes) -> Carried:
        """Carry a track.

        Raises:
            NotWholeError: it is lost or damaged.
            StoreError: the target cannot be written.
        """
        if self._to.holds(path, digest):
            return "there"
        try:
            data = self._from.get(path)
        except StoreError as error:
            raise NotWholeError(str(error)) from error
        if blake3(data).digest() != digest:
            raise NotWholeError(f"{path} does not hold the bytes of its track.")
        shared = False

        def clone(descriptor: int) -> bool:
            nonlocal shared
            shared = self._cloner.clone(os.path.join(self._root, *path.split("/")), descriptor)
            return shared

        self._to.put_at(path, data, clone if self._cloner.works else None)
        return "shared" if shared else "copied"

    def flush(self) -> None:
        """Return when all of it would survive a power cut; on Linux whatever else was written there too.

        Raises:
            StoreError: it would not.
        """
        self._to.flush()


class ShardCarrier:
    """Carries the Parquet files of a result, each of which is flushed before it has its name.

    Args:
        source: those that there are.
        target: the same in the folder that they are carried to.
    """

    def __init__(self, source: ParquetStore, target: ParquetStore) -> None:
        self._from, self._to = source, target
        self._cloner = Cloner()

    def carry(self, name: str, size: int, digest: bytes) -> Carried:
        """Carry a shard.

        Raises:
            NotWholeError: it is lost or damaged.
            StoreError: the target cannot be written.
        """
        there = self._to.look(name)
        if (there.state, there.size, there.digest) == ("file", size, digest):
            return "there"
        source, target = self._from.place(name), self._to.place(name)
        try:
            make_folder(os.path.dirname(target))
            if there.state != "missing":
                self._to.discard(name)
            with new_file(target) as descriptor:
                found, carried = self._fill(descriptor, source, name)
                if found != digest:
                    raise NotWholeError(f"{name} does not hold the bytes that were written to it.")
            sync_folder(os.path.dirname(target))
        except OSError as error:
            raise unwritable(self._to.root, error) from error
        return carried

    def carry_songs(self) -> Carried | None:
        """Carry the table of songs; None where there is none, since no run has come to write it.

        It is derived from the catalogue, which has no digest of it: what is carried can be read.

        Raises:
            NotWholeError: it cannot be.
            StoreError: the target cannot be written.
        """
        source, target = self._from.songs_place, self._to.songs_place
        if not os.path.lexists(source):
            return None
        try:
            self._from.count_songs()
        except StoreError as error:
            raise NotWholeError(str(error)) from error
        try:
            make_folder(os.path.dirname(target))
            with replaced_file(target) as descriptor:
                carried = self._fill(descriptor, source, SONGS)[1]
            sync_folder(os.path.dirname(target))
        except OSError as error:
            raise unwritable(self._to.root, error) from error
        return carried

    def _fill(self, descriptor: int, source: str, name: str) -> tuple[bytes, Carried]:
        """Fill a new file with the bytes of another; their digest."""
        try:
            if self._cloner.clone(source, descriptor):
                return look_at(source).digest, "shared"
            file = os.open(source, _READ)
        except OSError as error:
            raise NotWholeError(f"{name} cannot be read: {error.strerror or error}.") from error
        try:
            hasher = blake3()
            while chunk := _piece(file, name):
                hasher.update(chunk)
                write_all(descriptor, chunk)
            return hasher.digest(), "copied"
        finally:
            os.close(file)


def _piece(file: int, name: str) -> bytes:
    try:
        return os.read(file, _CHUNK)
    except OSError as error:
        raise NotWholeError(f"{name} cannot be read: {error.strerror or error}.") from error
