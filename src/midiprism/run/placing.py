"""Giving a stored file a second place: shared blocks where the file system can, a copy, or a hard link."""

import os
import stat
from dataclasses import dataclass
from typing import Literal, Protocol

from midiprism.errors import StoreError
from midiprism.store import Store
from midiprism.store.cloning import Cloner
from midiprism.store.parquet import ParquetStore

Placed = Literal["new", "same", "differs"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Source(Protocol):
    """A track of a result.

    Attributes:
        file: the path of a file that is it; None where it is a part of one.
    """

    @property
    def file(self) -> str | None: ...

    def get(self) -> bytes:
        """Its bytes.

        Raises:
            StoreError: they are missing, or cannot be read.
        """


@dataclass(frozen=True, slots=True)
class InFile:
    """A track that is a file of ``store``, whose folder is ``root``."""

    store: Store
    root: str
    path: str

    @property
    def file(self) -> str | None:
        if not self.store.exists(self.path):
            raise StoreError(f"{self.path} is missing.")
        return os.path.join(self.root, *self.path.split("/"))

    def get(self) -> bytes:
        return self.store.get(self.path)


@dataclass(frozen=True, slots=True)
class InShard:
    """A track that is a row of a shard; without ``shard``, one that is in none."""

    shards: ParquetStore
    shard: str | None
    row: int | None
    digest: bytes

    @property
    def file(self) -> str | None:
        return None

    def get(self) -> bytes:
        if self.shard is None or self.row is None:
            raise StoreError("No shard holds it: `midiprism verify --repair` mends that.")
        return self.shards.get(self.shard, self.row, self.digest)


class Placer:
    """Places tracks of a result elsewhere; a file that is there is never touched.

    Args:
        hardlink: link instead of copying; what is placed so is the stored file itself.
    """

    def __init__(self, *, hardlink: bool) -> None:
        self._hardlink = hardlink
        self._cloner = Cloner()

    def place(self, source: Source, target: str) -> Placed:
        """Place a track at ``target``, whose folder exists.

        Raises:
            StoreError: the track is missing.
            OSError: ``target`` cannot be written.
        """
        try:
            if self._hardlink and source.file is not None:
                os.link(source.file, target, follow_symlinks=False)
            else:
                self._copy(source, target)
        except FileExistsError:
            return self.compare(source, target)
        return "new"

    def compare(self, source: Source, target: str) -> Placed:
        """What ``place`` would do."""
        if not os.path.lexists(target):
            return "new"
        return "same" if _read(target) == source.get() else "differs"

    def _copy(self, source: Source, target: str) -> None:
        data = source.get()
        file = source.file if self._cloner.works else None
        descriptor = os.open(target, _CREATE, 0o644)
        try:
            try:
                if file is None or not self._cloner.clone(file, descriptor):
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)
        except BaseException:
            os.unlink(target)
            raise


def _read(path: str) -> bytes | None:
    """The bytes of a regular file; None for anything else."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None
    with open(os.open(path, _READ), "rb") as file:
        return file.read()
