"""The copy of a catalog's file to another folder, and the space that a result takes there."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import func, select

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.errors import translate_errors
from midiprism.catalog.queries.integrity import find_damage
from midiprism.catalog.queries.run_history import CatalogCounts, count_catalog
from midiprism.catalog.reader import open_reader
from midiprism.catalog.schema import shards, tracks
from midiprism.catalog.sqlite.read_only import open_for_reading
from midiprism.errors import CatalogError

LOG_SUFFIX = "-wal"
SIDE_FILE_SUFFIXES = (LOG_SUFFIX, "-shm", "-journal")
"""Suffixes of the files that SQLite keeps next to a database."""

_PAGES_PER_STEP = 4_096  # copied between two checks whether to stop
_PARTIAL_SUFFIX = ".arriving"


class StorageFootprint(NamedTuple):
    """Counts of the files of a result, without its catalog.

    Attributes:
        files: number of files.
        bytes: of all files.
        disk_bytes: the same in whole blocks of the disk.
    """

    files: int
    bytes: int
    disk_bytes: int


def storage_footprint(catalog: Catalog, block_size: int, *, in_shards: bool) -> StorageFootprint:
    """Return the counts of the files that a catalog has recorded.

    Args:
        catalog: open for reading.
        block_size: bytes of a block of the disk.
        in_shards: whether they are shards, and not a file for each track.
    """
    size: Any = shards.c.bytes if in_shards else tracks.c.size
    query = select(func.count(), func.sum(size), func.sum((size + (block_size - 1)) // block_size))
    ((files, file_bytes, blocks),) = catalog.fetch_all(query)
    return StorageFootprint(int(files), int(file_bytes or 0), int(blocks or 0) * block_size)


def database_bytes(path: str) -> int:
    """Return the bytes of a catalog's file and its log; 0 without a file."""
    size = 0
    for name in (path, path + LOG_SUFFIX):
        with contextlib.suppress(OSError):
            size += os.stat(name).st_size
    return size


def copy_database(source: str, target: str, stop: Callable[[], bool]) -> bool:
    """Copy a catalog to ``target``, replacing what is there. No process may write to the catalog meanwhile.

    The copy is first checked under another name: it must be intact and have the same counts. Its content is
    made durable, but not its entry in the folder.

    Returns:
        Whether the copy is in place; False if ``stop`` became true before.

    Raises:
        CatalogError: the catalog cannot be read, or the copy cannot be written or differs.
    """
    partial = target + _PARTIAL_SUFFIX
    try:
        remove_database(partial)
        if not _backup(source, partial, stop):
            return False
        damage = find_damage(partial, stop)
        if damage is not None:
            raise CatalogError(f"The copy of {source} is damaged: {damage}")
        if _counts(partial) != _counts(source):
            raise CatalogError(f"The copy of {source} does not hold the same: {partial}.")
        _fsync(partial)
        remove_database(target)
        os.replace(partial, target)
    except OSError as error:
        raise CatalogError(f"{target} cannot be written: {error.strerror or error}.") from error
    except CatalogError:
        if stop():
            return False
        raise
    return True


def remove_database(path: str) -> None:
    """Remove a catalog's file and the files that SQLite keeps next to it, as far as they exist.

    Raises:
        OSError: they cannot be removed.
    """
    for name in (*(path + suffix for suffix in SIDE_FILE_SUFFIXES), path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _backup(source: str, target: str, stop: Callable[[], bool]) -> bool:
    def check_stop(_status: int, _left: int, _pages: int) -> None:
        if stop():
            raise _StoppedError

    reading = open_for_reading(source)
    try:
        driver: Any = reading.connection.dbapi_connection
        with translate_errors(target), contextlib.closing(sqlite3.connect(target)) as writing:
            driver.backup(writing, pages=_PAGES_PER_STEP, progress=check_stop)
    except _StoppedError:
        return False
    finally:
        reading.close()
    return True


def _counts(path: str) -> CatalogCounts:
    with open_reader(path) as reader:
        return count_catalog(reader)


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes only what may be written
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _StoppedError(Exception):
    """The copy was stopped."""
