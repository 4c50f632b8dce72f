"""What a result consists of, carried to another folder: its tracks or shards, and its catalogue."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from midiprism.catalog import Audit, Catalog, Scope, TrackFile
from midiprism.catalog.copying import Footprint, copy_file, file_bytes, footprint
from midiprism.catalog.shards import ShardIndex
from midiprism.errors import StoreError
from midiprism.meter.devices import place_of as device_of
from midiprism.run.result import catalog_path
from midiprism.run.scene import shards_of
from midiprism.run.settings import Identity
from midiprism.run.verify import place_of, strays
from midiprism.store import FileStore, Survey
from midiprism.store.carrying import Carried, ShardCarrier, TrackCarrier
from midiprism.store.files import unwritable

How = Literal["rename", "copy"]

THREADS = 8
"""Creating a file is waiting: for a disk's log, or for a server."""

_CHUNK = 50
_FLUSHED = 100_000
_REPORT_SECONDS = 0.1
_RESERVE = 1.02  # folders, and what the file system itself needs
_SHARING = frozenset({"btrfs", "xfs", "bcachefs"})
_BLOCK = 4_096


@dataclass(slots=True)
class Relocation:
    """What a relocation did, or would do.

    Attributes:
        source: the folder that holds the result, or held it; absolute, like ``target``, where it goes.
        how: whether the folder was renamed, or what is in it copied.
        files: files of tracks, or Parquet files, that there are; ``bytes`` of them.
        files_copied: carried by this call; ``bytes_copied`` of them. Of these, ``files_shared`` share their
            blocks with the originals.
        files_there: carried by an earlier call, and whole.
        arrived: whether the result is in ``target`` now; ``already`` if it was before this call.
        removed: files removed from ``source``.
        left: what is there and was not written by midiprism, or is not known to the catalogue; it stays.
        stopped: whether it was stopped before the end.
    """

    source: str
    target: str
    dry_run: bool = False
    how: How = "copy"
    files: int = 0
    bytes: int = 0
    files_copied: int = 0
    bytes_copied: int = 0
    files_shared: int = 0
    files_there: int = 0
    arrived: bool = False
    already: bool = False
    removed: int = 0
    left: int = 0
    stopped: bool = False
    seconds: float = 0.0

    def count(self, carried: Carried, size: int) -> None:
        """Count a file."""
        if carried == "there":
            self.files_there += 1
            return
        self.files_copied += 1
        self.bytes_copied += size
        self.files_shared += carried == "shared"

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        return {
            "state": "interrupted" if self.stopped else "done",
            "from": self.source,
            "to": self.target,
            "how": self.how,
            "dry_run": self.dry_run,
            "arrived": self.arrived,
            "already": self.already,
            "files": self.files,
            "bytes": self.bytes,
            "files_copied": self.files_copied,
            "bytes_copied": self.bytes_copied,
            "files_shared": self.files_shared,
            "files_there": self.files_there,
            "removed": self.removed,
            "left": self.left,
            "seconds": round(self.seconds, 3),
        }


class Way(NamedTuple):
    """How far a relocation is.

    Attributes:
        stage: what it is at.
        seen: of how many files it has seen.
        total: how many there are; None where nobody counted.
        bytes: copied so far.
        seconds: since it began.
    """

    stage: Literal["files", "catalogue", "emptying"]
    seen: int
    total: int | None
    bytes: int
    seconds: float


Listener = Callable[[Way], None]


class Teller:
    """Tells a listener how far a relocation is, not more often than it can be read."""

    def __init__(self, done: Relocation, listener: Listener | None) -> None:
        self._done = done
        self._listener = listener
        self._started = time.perf_counter()
        self._told = -_REPORT_SECONDS

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self._started

    def tell(
        self, stage: Literal["files", "catalogue", "emptying"], seen: int, total: int | None = None
    ) -> None:
        if self._listener is not None and self.seconds - self._told >= _REPORT_SECONDS:
            self._told = self.seconds
            self._listener(Way(stage, seen, total, self._done.bytes_copied, self.seconds))


class Content:
    """What a result consists of.

    Args:
        catalog: its catalogue, open; None where its run was ended before there was one.
        identity: what it was made with.
        done: is told what is carried.
        stop: once true, carrying ends as soon as it can.
        teller: is told how far it is.
    """

    def __init__(
        self,
        catalog: Catalog | None,
        identity: Identity,
        done: Relocation,
        stop: Callable[[], bool],
        teller: Teller,
    ) -> None:
        self._catalog = catalog
        self._identity = identity
        self._done = done
        self._stop = stop
        self._teller = teller
        self._in_shards = identity.store == "parquet"

    def measure(self) -> Footprint:
        """What it takes at its target, without the catalogue."""
        if self._catalog is None:
            return Footprint(0, 0, 0)
        found = footprint(self._catalog, _block(self._done.target), in_shards=self._in_shards)
        self._done.files, self._done.bytes = found.files, found.bytes
        return found

    def carry(self, *, resumed: bool) -> None:
        """Carry all but the catalogue, and flush it; what an earlier attempt left beside it is removed.

        Raises:
            NotWholeError: something of it is lost or damaged.
            StoreError: the target cannot be written.
            CatalogError: the catalogue cannot be read.
        """
        if self._catalog is None:
            return
        if self._in_shards:
            self._carry_shards(self._catalog)
        else:
            self._carry_tracks(self._catalog)
            if resumed and not self._stop():
                self._sweep(self._catalog)
        if not self._stop():
            FileStore(self._done.target).flush()

    def _carry_tracks(self, catalog: Catalog) -> None:
        done = self._done
        carrier = TrackCarrier(done.source, done.target)

        def carry(tracks: Sequence[TrackFile]) -> list[tuple[Carried, int]]:
            return [(carrier.carry(place_of(track), track.digest), track.size) for track in tracks]

        waiting: deque[Future[list[tuple[Carried, int]]]] = deque()
        unflushed = 0
        with _hands() as hands:
            for page in Audit(catalog, Scope()).tracks():
                waiting.extend(
                    hands.submit(carry, page[at : at + _CHUNK]) for at in range(0, len(page), _CHUNK)
                )
                while len(waiting) > 4 * THREADS:
                    self._count(waiting.popleft())
                if self._stop():
                    break
                unflushed += len(page)
                if unflushed >= _FLUSHED:
                    carrier.flush()
                    unflushed = 0
            while waiting:
                self._count(waiting.popleft())
        carrier.flush()

    def _count(self, carried: "Future[list[tuple[Carried, int]]]") -> None:
        for how, size in carried.result():
            self._done.count(how, size)
        self._tell()

    def _tell(self) -> None:
        self._teller.tell("files", self._done.files_copied + self._done.files_there, self._done.files)

    def _carry_shards(self, catalog: Catalog) -> None:
        done = self._done
        index = ShardIndex(catalog)
        with shards_of(done.source, self._identity) as there, shards_of(done.target, self._identity) as here:
            here.sweep(index.names())
            carrier = ShardCarrier(there, here)
            for shard in index.all():
                if self._stop():
                    return
                done.count(carrier.carry(shard.name, shard.size, shard.digest), shard.size)
                self._tell()
            carrier.carry_songs()

    def _sweep(self, catalog: Catalog) -> None:
        """Remove what an earlier attempt carried and is no part of the result any more, since a run was in
        between, and what it did not come to end."""
        survey = Survey(self._done.target)
        for entry, kind in strays(survey, Audit(catalog, Scope()), Scope(), self._stop):
            if kind in ("orphan", "temporary"):
                survey.discard(entry.path)


def carry_catalog(done: Relocation, stop: Callable[[], bool], teller: Teller) -> bool:
    """Carry the catalogue's file, if there is one; whether it is there, all of it flushed.

    Raises:
        CatalogError: it cannot be read, or its copy cannot be written.
        StoreError: the copy cannot be flushed.
    """
    path = catalog_path(done.source)
    if not os.path.exists(path):
        return not stop()

    def asked() -> bool:
        teller.tell("catalogue", 0)
        return stop()

    if not copy_file(path, catalog_path(done.target), asked):
        return False
    FileStore(done.target).flush()
    return True


def require_room(done: Relocation, need: Footprint) -> None:
    """Raise StoreError if what is still to be carried will not fit where it goes."""
    if not hasattr(os, "statvfs"):
        return
    disk = os.statvfs(nearest_folder(done.target))
    files, taken = _there(done.target)
    wanted = int(_RESERVE * need.disk_bytes) + file_bytes(catalog_path(done.source)) - taken
    free = disk.f_bavail * disk.f_frsize
    if wanted > free and not _share_blocks(done.source, done.target):
        raise StoreError(
            f"{done.target} needs {wanted / 1e9:.2f} GB more, and {free / 1e9:.2f} GB are free there: make "
            "room, or choose another disk."
        )
    if disk.f_files and need.files - files > disk.f_favail:
        raise StoreError(
            f"{done.target} needs {need.files - files:,} more files, and the disk has room for "
            f"{disk.f_favail:,} (inodes): choose another disk."
        )


def make_target(target: str) -> None:
    """Make the folder, and those above it.

    Raises:
        StoreError: it cannot be made.
    """
    try:
        os.makedirs(target, exist_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error


@contextlib.contextmanager
def _hands() -> Iterator[ThreadPoolExecutor]:
    """Threads; what they have not begun is left where something fails."""
    pool = ThreadPoolExecutor(THREADS, "midiprism-relocate")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _there(target: str) -> tuple[int, int]:
    """Files that an earlier attempt carried, and what they take on the disk."""
    files = taken = 0
    for here, _, names in os.walk(target):
        for name in names:
            with contextlib.suppress(OSError):
                taken += os.lstat(os.path.join(here, name)).st_blocks * 512
                files += 1
    return files, taken


def nearest_folder(path: str) -> str:
    """The nearest folder that exists: ``path``, or one above it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _block(target: str) -> int:
    return os.statvfs(nearest_folder(target)).f_frsize or _BLOCK if hasattr(os, "statvfs") else _BLOCK


def _share_blocks(source: str, target: str) -> bool:
    """Whether both are on one file system that lets files share blocks, so that copies take no room."""
    one, other = device_of(source), device_of(target)
    return one.file_system in _SHARING and (one.device, one.file_system) == (other.device, other.file_system)
