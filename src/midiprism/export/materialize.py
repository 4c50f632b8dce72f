"""Giving a stored file a second place: shared blocks where the file system can, a copy, or a hard link."""

import os
import stat
from dataclasses import dataclass
from typing import Literal, Protocol

from midiprism.errors import StoreError
from midiprism.fs.reflink import Reflinker
from midiprism.stores import TrackStore
from midiprism.stores.parquet.store import ParquetStore

MaterializeOutcome = Literal["new", "same", "differs"]

_CREATE_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_READ_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


class StoredTrack(Protocol):
    """A track of a result.

    Attributes:
        file: the path of a file that is it; None where it is a part of one.
    """

    @property
    def file_path(self) -> str | None: ...

    def get(self) -> bytes:
        """Its bytes.

        Raises:
            StoreError: they are missing, or cannot be read.
        """


@dataclass(frozen=True, slots=True)
class TrackInFile:
    """A track that is a file of ``store``, whose folder is ``root``."""

    store: TrackStore
    root: str
    path: str

    @property
    def file_path(self) -> str | None:
        if not self.store.exists(self.path):
            raise StoreError(f"{self.path} is missing.")
        return os.path.join(self.root, *self.path.split("/"))

    def get(self) -> bytes:
        return self.store.get(self.path)


@dataclass(frozen=True, slots=True)
class TrackInShard:
    """A track that is a row of a shard; without ``shard``, one that is in none."""

    shards: ParquetStore
    shard: str | None
    row: int | None
    digest: bytes

    @property
    def file_path(self) -> str | None:
        return None

    def get(self) -> bytes:
        if self.shard is None or self.row is None:
            raise StoreError("No shard holds it: `midiprism verify --repair` mends that.")
        return self.shards.get(self.shard, self.row, self.digest)


class Materializer:
    """Places tracks of a result elsewhere; a file that is there is never touched.

    Args:
        hardlink: link instead of copying; what is placed so is the stored file itself.
    """

    def __init__(self, *, hardlink: bool) -> None:
        self._hardlink = hardlink
        self._cloner = Reflinker()

    def materialize(self, track: StoredTrack, target: str) -> MaterializeOutcome:
        """Place a track at ``target``, whose folder exists.

        Raises:
            StoreError: the track is missing.
            OSError: ``target`` cannot be written.
        """
        try:
            if self._hardlink and track.file_path is not None:
                os.link(track.file_path, target, follow_symlinks=False)
            else:
                self._copy(track, target)
        except FileExistsError:
            return self.compare(track, target)
        return "new"

    def compare(self, track: StoredTrack, target: str) -> MaterializeOutcome:
        """What ``place`` would do."""
        if not os.path.lexists(target):
            return "new"
        return "same" if _read_regular_file(target) == track.get() else "differs"

    def _copy(self, track: StoredTrack, target: str) -> None:
        data = track.get()
        file = track.file_path if self._cloner.supported else None
        descriptor = os.open(target, _CREATE_FLAGS, 0o644)
        try:
            try:
                if file is None or not self._cloner.reflink(file, descriptor):
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)
        except BaseException:
            os.unlink(target)
            raise


def _read_regular_file(path: str) -> bytes | None:
    """The bytes of a regular file; None for anything else."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None
    with open(os.open(path, _READ_FLAGS), "rb") as file:
        return file.read()
