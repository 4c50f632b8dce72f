"""Copies a result to another folder: its tracks or shards, and its catalog."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from midiprism.catalog import Catalog, IntegrityQueries, VerifyScope
from midiprism.catalog.queries.shards import ShardIndex
from midiprism.catalog.sqlite.backup import StorageFootprint, copy_database, database_bytes, storage_footprint
from midiprism.errors import StoreError
from midiprism.fs.file_system import LOCAL_FILE_SYSTEM, FileSystem
from midiprism.metrics.devices import locate_storage
from midiprism.relocate.relocation import Relocation, RelocationReporter
from midiprism.results.data_set_card import copy_card
from midiprism.results.identity import Identity
from midiprism.results.orphans import RemovalGuard, classify_entries, track_location
from midiprism.results.removed_files import RemovedFiles
from midiprism.results.result_dir import catalog_path
from midiprism.results.result_store import open_result_store
from midiprism.stores import CopyOutcome, TrackCopier, TrackStore
from midiprism.stores.errors import write_error

COPY_THREADS = 8
"""Creating a file means waiting for the log of a disk, or for a server."""

_FILES_PER_TASK = 50
_FILES_PER_FLUSH = 100_000
_SPACE_FACTOR = 1.02  # folders, and what the file system itself needs
_REFLINK_FILE_SYSTEMS = frozenset({"btrfs", "xfs", "bcachefs"})
_DEFAULT_BLOCK_BYTES = 4_096


class _StoredFile(NamedTuple):
    """A file of a store."""

    path: str
    digest: bytes
    size: int


class ResultCopier:
    """Copies all of a result but its catalog.

    Args:
        catalog: open; None if a run ended before there was one.
        identity: of the result.
        relocation: counts what is copied.
        stop: once it returns True, copying ends as soon as possible.
        reporter: reports the progress.
        file_system: that holds the target.
    """

    def __init__(
        self,
        catalog: Catalog | None,
        identity: Identity,
        relocation: Relocation,
        stop: Callable[[], bool],
        reporter: RelocationReporter,
        file_system: FileSystem = LOCAL_FILE_SYSTEM,
    ) -> None:
        self._file_system = file_system
        self._catalog = catalog
        self._identity = identity
        self._relocation = relocation
        self._stop = stop
        self._reporter = reporter

    def measure(self) -> StorageFootprint:
        """Return what the files of the store take in the target."""
        if self._catalog is None:
            return StorageFootprint(0, 0, 0)
        with contextlib.closing(open_result_store(self._relocation.source, self._identity)) as store:
            in_shards = store.shards is not None
        block_size = _block_size(self._relocation.target)
        footprint = storage_footprint(self._catalog, block_size, in_shards=in_shards)
        self._relocation.files, self._relocation.bytes = footprint.files, footprint.bytes
        return footprint

    def copy(self, *, resumed: bool) -> None:
        """Copy the files of the store, and make the copies durable.

        Args:
            resumed: whether an earlier call may have left files in the target that no longer belong to the
                result.

        Raises:
            LostOrDamagedError: a file is lost or damaged.
            StoreError: the target cannot be written.
            CatalogError: the catalog cannot be read.
        """
        if self._catalog is None:
            return
        source, target = self._relocation.source, self._relocation.target
        with (
            contextlib.closing(open_result_store(source, self._identity)) as store,
            contextlib.closing(
                open_result_store(target, self._identity, file_system=self._file_system)
            ) as target_store,
        ):
            if resumed:
                # First, since a temporary file of an earlier call would be in the way of a new one.
                self._remove_orphans(self._catalog, target_store)
            copier = store.copier_to(target)
            self._copy_files(copier, _stored_files(self._catalog, store), in_shards=store.shards is not None)
            if not self._stop():
                copier.copy_derived()
                RemovedFiles(source).copy_to(target)
                copy_card(source, target)
                copier.flush()

    def _copy_files(
        self, copier: TrackCopier, pages: Iterator[Sequence[_StoredFile]], *, in_shards: bool
    ) -> None:
        def copy(files: Sequence[_StoredFile]) -> list[tuple[CopyOutcome, int]]:
            return [(copier.copy(file.path, file.digest), file.size) for file in files]

        files_per_task = 1 if in_shards else _FILES_PER_TASK
        tasks: deque[Future[list[tuple[CopyOutcome, int]]]] = deque()
        unflushed = 0
        with _copy_threads() as threads:
            for page in pages:
                for first in range(0, len(page), files_per_task):
                    tasks.append(threads.submit(copy, page[first : first + files_per_task]))
                    while len(tasks) > 4 * COPY_THREADS:
                        self._count_copied(tasks.popleft())
                    if self._stop():
                        break
                if self._stop():
                    break
                unflushed += len(page)
                if unflushed >= _FILES_PER_FLUSH:
                    copier.flush()
                    unflushed = 0
            while tasks:
                self._count_copied(tasks.popleft())
        copier.flush()

    def _count_copied(self, task: "Future[list[tuple[CopyOutcome, int]]]") -> None:
        relocation = self._relocation
        for outcome, size in task.result():
            relocation.count_file(outcome, size)
        files_done = relocation.files_copied + relocation.files_already_copied
        self._reporter.report("files", files_done, relocation.files)

    def _remove_orphans(self, catalog: Catalog, target_store: TrackStore) -> None:
        """Remove what an earlier call copied, and a later run has replaced, or what it did not finish."""
        guard = RemovalGuard(target_store, catalog, lambda _track: True)  # the source has every track
        for entry, kind in classify_entries(target_store, catalog, VerifyScope(), self._stop):
            # A temporary file would be in the way of a new one, even if it is whole.
            if kind == "temporary" or (kind == "orphan" and guard.may_remove(entry)):
                target_store.delete(entry.path)


def _stored_files(catalog: Catalog, store: TrackStore) -> Iterator[Sequence[_StoredFile]]:
    """Return the files of a store that the catalog knows, some at a time."""
    if store.shards is not None:
        yield [
            _StoredFile(shard.name, shard.digest, shard.size) for shard in ShardIndex(catalog).all_shards()
        ]
        return
    for page in IntegrityQueries(catalog, VerifyScope()).tracks():
        yield [
            _StoredFile(
                store.path_of(track_location(track)) or "",
                track.digest,
                track.size,
            )
            for track in page
        ]


def copy_catalog(relocation: Relocation, stop: Callable[[], bool], reporter: RelocationReporter) -> bool:
    """Copy the catalog's file, if there is one, and return whether the copy is complete.

    The copy is durable, but for its name: the caller makes the folder durable.

    Raises:
        CatalogError: it cannot be read, or its copy cannot be written.
    """
    path = catalog_path(relocation.source)
    if not os.path.exists(path):
        return not stop()

    def report_and_stop() -> bool:
        reporter.report("catalog", 0)
        return stop()

    return copy_database(path, catalog_path(relocation.target), report_and_stop)


def require_disk_space(relocation: Relocation, footprint: StorageFootprint) -> None:
    """Raise StoreError if what is still to be copied does not fit where it goes."""
    if not hasattr(os, "statvfs"):
        return
    disk = os.statvfs(nearest_existing_folder(relocation.target))
    files, copied_bytes = _existing_files(relocation.target)
    needed = int(_SPACE_FACTOR * footprint.disk_bytes) - copied_bytes
    needed += database_bytes(catalog_path(relocation.source))
    free = disk.f_bavail * disk.f_frsize
    if needed > free and not _can_reflink(relocation.source, relocation.target):
        raise StoreError(
            f"{relocation.target} needs {needed / 1e9:.2f} GB more, and {free / 1e9:.2f} GB are free there: "
            "make room, or choose another disk."
        )
    needed_files = footprint.files - files
    if disk.f_files and needed_files > disk.f_favail:
        raise StoreError(
            f"{relocation.target} needs {needed_files:,} more files, and the disk has room for "
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
    """Yield a pool of threads; after an error, tasks that have not begun are cancelled."""
    pool = ThreadPoolExecutor(COPY_THREADS, "midiprism-relocate")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _existing_files(target: str) -> tuple[int, int]:
    """Return how many files an earlier call copied, and what they take on the disk."""
    files = disk_bytes = 0
    for folder, _, names in os.walk(target):
        for name in names:
            with contextlib.suppress(OSError):
                disk_bytes += os.lstat(os.path.join(folder, name)).st_blocks * 512
                files += 1
    return files, disk_bytes


def nearest_existing_folder(path: str) -> str:
    """Return ``path``, or the nearest folder above it that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _block_size(target: str) -> int:
    if not hasattr(os, "statvfs"):
        return _DEFAULT_BLOCK_BYTES
    return os.statvfs(nearest_existing_folder(target)).f_frsize or _DEFAULT_BLOCK_BYTES


def _can_reflink(source: str, target: str) -> bool:
    """Return whether both are on one file system where copies share blocks and so take no room."""
    storages = [locate_storage(folder) for folder in (source, target)]
    devices = {(storage.device, storage.file_system) for storage in storages}
    return len(devices) == 1 and storages[0].file_system in _REFLINK_FILE_SYSTEMS
