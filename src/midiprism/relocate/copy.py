"""What a result consists of, carried to another folder: its tracks or shards, and its catalogue."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from midiprism.catalog import Catalog, IntegrityQueries, TrackFile, VerifyScope
from midiprism.catalog.queries.shards import ShardIndex
from midiprism.catalog.sqlite.backup import StorageFootprint, copy_database, database_bytes, storage_footprint
from midiprism.errors import StoreError
from midiprism.integrity.verify import find_orphans, track_file_path
from midiprism.metrics.devices import locate_storage as device_of
from midiprism.pipeline.open_result import parquet_store_of
from midiprism.results.identity import Identity
from midiprism.results.result_dir import catalog_path
from midiprism.stores import FileStore, TrackScanner
from midiprism.stores.copy import CopyOutcome, ShardCopier, TrackCopier
from midiprism.stores.files.store import write_error

RelocationMethod = Literal["rename", "copy"]

COPY_THREADS = 8
"""Creating a file is waiting: for a disk's log, or for a server."""

_TRACKS_PER_TASK = 50
_TRACKS_PER_FLUSH = 100_000
_REPORT_SECONDS = 0.1
_SPACE_FACTOR = 1.02  # folders, and what the file system itself needs
_REFLINK_FILE_SYSTEMS = frozenset({"btrfs", "xfs", "bcachefs"})
_DEFAULT_BLOCK_BYTES = 4_096


@dataclass(slots=True)
class Relocation:
    """What a relocation did, or would do.

    Attributes:
        source: the folder that holds the result, or held it; absolute, like ``target``, where it goes.
        how: whether the folder was renamed, or what is in it copied.
        files: files of tracks, or Parquet files, that there are; ``bytes`` of them.
        files_copied: carried by this call; ``bytes_copied`` of them. Of these, ``files_reflinked`` share their
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
    method: RelocationMethod = "copy"
    files: int = 0
    bytes: int = 0
    files_copied: int = 0
    bytes_copied: int = 0
    files_reflinked: int = 0
    files_already_copied: int = 0
    arrived: bool = False
    already_moved: bool = False
    files_removed: int = 0
    files_left: int = 0
    stopped: bool = False
    seconds: float = 0.0

    def count_file(self, carried: CopyOutcome, size: int) -> None:
        """Count a file."""
        if carried == "there":
            self.files_already_copied += 1
            return
        self.files_copied += 1
        self.bytes_copied += size
        self.files_reflinked += carried == "shared"

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        return {
            "state": "interrupted" if self.stopped else "done",
            "from": self.source,
            "to": self.target,
            "how": self.method,
            "dry_run": self.dry_run,
            "arrived": self.arrived,
            "already": self.already_moved,
            "files": self.files,
            "bytes": self.bytes,
            "files_copied": self.files_copied,
            "bytes_copied": self.bytes_copied,
            "files_shared": self.files_reflinked,
            "files_there": self.files_already_copied,
            "removed": self.files_removed,
            "left": self.files_left,
            "seconds": round(self.seconds, 3),
        }


class RelocationProgress(NamedTuple):
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
    bytes_copied: int
    seconds: float


RelocationListener = Callable[[RelocationProgress], None]


class ProgressReporter:
    """Tells a listener how far a relocation is, not more often than it can be read."""

    def __init__(self, relocation: Relocation, listener: RelocationListener | None) -> None:
        self._relocation = relocation
        self._listener = listener
        self._started = time.perf_counter()
        self._last_report_seconds = -_REPORT_SECONDS

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self._started

    def report(
        self, stage: Literal["files", "catalogue", "emptying"], seen: int, total: int | None = None
    ) -> None:
        if self._listener is not None and self.seconds - self._last_report_seconds >= _REPORT_SECONDS:
            self._last_report_seconds = self.seconds
            self._listener(
                RelocationProgress(stage, seen, total, self._relocation.bytes_copied, self.seconds)
            )


class ResultCopier:
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
        relocation: Relocation,
        stop: Callable[[], bool],
        reporter: ProgressReporter,
    ) -> None:
        self._catalog = catalog
        self._identity = identity
        self._relocation = relocation
        self._stop = stop
        self._reporter = reporter
        self._is_parquet = identity.store == "parquet"

    def measure(self) -> StorageFootprint:
        """What it takes at its target, without the catalogue."""
        if self._catalog is None:
            return StorageFootprint(0, 0, 0)
        found = storage_footprint(
            self._catalog, _block_size(self._relocation.target), in_shards=self._is_parquet
        )
        self._relocation.files, self._relocation.bytes = found.files, found.bytes
        return found

    def copy(self, *, resumed: bool) -> None:
        """Carry all but the catalogue, and flush it; what an earlier attempt left beside it is removed.

        Raises:
            NotWholeError: something of it is lost or damaged.
            StoreError: the target cannot be written.
            CatalogError: the catalogue cannot be read.
        """
        if self._catalog is None:
            return
        if self._is_parquet:
            self._copy_shards(self._catalog)
        else:
            self._copy_tracks(self._catalog)
            if resumed and not self._stop():
                self._remove_orphans(self._catalog)
        if not self._stop():
            FileStore(self._relocation.target).flush()

    def _copy_tracks(self, catalog: Catalog) -> None:
        done = self._relocation
        carrier = TrackCopier(done.source, done.target)

        def carry(tracks: Sequence[TrackFile]) -> list[tuple[CopyOutcome, int]]:
            return [(carrier.copy(track_file_path(track), track.digest), track.size) for track in tracks]

        waiting: deque[Future[list[tuple[CopyOutcome, int]]]] = deque()
        unflushed = 0
        with _copy_threads() as hands:
            for page in IntegrityQueries(catalog, VerifyScope()).tracks():
                waiting.extend(
                    hands.submit(carry, page[at : at + _TRACKS_PER_TASK])
                    for at in range(0, len(page), _TRACKS_PER_TASK)
                )
                while len(waiting) > 4 * COPY_THREADS:
                    self._count_copied(waiting.popleft())
                if self._stop():
                    break
                unflushed += len(page)
                if unflushed >= _TRACKS_PER_FLUSH:
                    carrier.flush()
                    unflushed = 0
            while waiting:
                self._count_copied(waiting.popleft())
        carrier.flush()

    def _count_copied(self, carried: "Future[list[tuple[CopyOutcome, int]]]") -> None:
        for how, size in carried.result():
            self._relocation.count_file(how, size)
        self._report_progress()

    def _report_progress(self) -> None:
        self._reporter.report(
            "files",
            self._relocation.files_copied + self._relocation.files_already_copied,
            self._relocation.files,
        )

    def _copy_shards(self, catalog: Catalog) -> None:
        done = self._relocation
        index = ShardIndex(catalog)
        with (
            parquet_store_of(done.source, self._identity) as there,
            parquet_store_of(done.target, self._identity) as here,
        ):
            here.remove_orphans(index.shard_names())
            carrier = ShardCopier(there, here)
            for shard in index.all_shards():
                if self._stop():
                    return
                done.count_file(carrier.copy(shard.name, shard.size, shard.digest), shard.size)
                self._report_progress()
            carrier.copy_songs_table()

    def _remove_orphans(self, catalog: Catalog) -> None:
        """Remove what an earlier attempt carried and is no part of the result any more, since a run was in
        between, and what it did not come to end."""
        survey = TrackScanner(self._relocation.target)
        for entry, kind in find_orphans(
            survey, IntegrityQueries(catalog, VerifyScope()), VerifyScope(), self._stop
        ):
            if kind in ("orphan", "temporary"):
                survey.remove_file(entry.path)


def copy_catalog(relocation: Relocation, stop: Callable[[], bool], reporter: ProgressReporter) -> bool:
    """Carry the catalogue's file, if there is one; whether it is there, all of it flushed.

    Raises:
        CatalogError: it cannot be read, or its copy cannot be written.
        StoreError: the copy cannot be flushed.
    """
    path = catalog_path(relocation.source)
    if not os.path.exists(path):
        return not stop()

    def asked() -> bool:
        reporter.report("catalogue", 0)
        return stop()

    if not copy_database(path, catalog_path(relocation.target), asked):
        return False
    FileStore(relocation.target).flush()
    return True


def require_disk_space(relocation: Relocation, need: StorageFootprint) -> None:
    """Raise StoreError if what is still to be carried will not fit where it goes."""
    if not hasattr(os, "statvfs"):
        return
    disk = os.statvfs(nearest_existing_folder(relocation.target))
    files, taken = _existing_files(relocation.target)
    wanted = int(_SPACE_FACTOR * need.disk_bytes) + database_bytes(catalog_path(relocation.source)) - taken
    free = disk.f_bavail * disk.f_frsize
    if wanted > free and not _can_reflink(relocation.source, relocation.target):
        raise StoreError(
            f"{relocation.target} needs {wanted / 1e9:.2f} GB more, and {free / 1e9:.2f} GB are free there: make "
            "room, or choose another disk."
        )
    if disk.f_files and need.files - files > disk.f_favail:
        raise StoreError(
            f"{relocation.target} needs {need.files - files:,} more files, and the disk has room for "
            f"{disk.f_favail:,} (inodes): choose another disk."
        )


def make_target_folder(target: str) -> None:
    """Make the folder, and those above it.

    Raises:
        StoreError: it cannot be made.
    """
    try:
        os.makedirs(target, exist_ok=True)
    except OSError as error:
        raise write_error(target, error) from error


@contextlib.contextmanager
def _copy_threads() -> Iterator[ThreadPoolExecutor]:
    """Threads; what they have not begun is left where something fails."""
    pool = ThreadPoolExecutor(COPY_THREADS, "midiprism-relocate")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _existing_files(target: str) -> tuple[int, int]:
    """Files that an earlier attempt carried, and what they take on the disk."""
    files = taken = 0
    for here, _, names in os.walk(target):
        for name in names:
            with contextlib.suppress(OSError):
                taken += os.lstat(os.path.join(here, name)).st_blocks * 512
                files += 1
    return files, taken


def nearest_existing_folder(path: str) -> str:
    """The nearest folder that exists: ``path``, or one above it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _block_size(target: str) -> int:
    return (
        os.statvfs(nearest_existing_folder(target)).f_frsize or _DEFAULT_BLOCK_BYTES
        if hasattr(os, "statvfs")
        else _DEFAULT_BLOCK_BYTES
    )


def _can_reflink(source: str, target: str) -> bool:
    """Whether both are on one file system that lets files share blocks, so that copies take no room."""
    one, other = device_of(source), device_of(target)
    return one.file_system in _REFLINK_FILE_SYSTEMS and (one.device, one.file_system) == (
        other.device,
        other.file_system,
    )
