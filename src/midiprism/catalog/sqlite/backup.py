"""A catalogue's file copied to another folder, and how much a result takes there."""

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
from midiprism.catalog.schema import shards, tracks
from midiprism.catalog.sqlite.file import open_for_reading
from midiprism.errors import CatalogError

SIDE_FILE_SUFFIXES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, by what their names add to its."""

_PAGES_PER_STEP = 4_096  # copied between two questions whether to stop
_PARTIAL_SUFFIX = ".arriving"


class StorageFootprint(NamedTuple):
    """What the files of a result take, without its catalogue.

    Attributes:
        files: how many.
        bytes: of all of them.
        disk_bytes: the same in whole blocks.
    """

    files: int
    bytes: int
    disk_bytes: int


def storage_footprint(catalog: Catalog, block_size: int, *, in_shards: bool) -> StorageFootprint:
    """What the files take of which a catalogue speaks.

    Args:
        block: bytes of a block of the disk.
        in_shards: whether they are shards, and not a file for each track.
    """
    size: Any = shards.c.bytes if in_shards else tracks.c.size
    wanted = select(func.count(), func.sum(size), func.sum((size + (block_size - 1)) // block_size))
    files, taken, blocks = catalog.run_in_transaction(lambda: catalog.connection.execute(wanted).one())
    return StorageFootprint(int(files), int(taken or 0), int(blocks or 0) * block_size)


def database_bytes(path: str) -> int:
    """What a catalogue's file takes, with its log; 0 where there is none."""
    sizes = 0
    for name in (path, path + SIDE_FILE_SUFFIXES[0]):
        with contextlib.suppress(OSError):
            sizes += os.stat(name).st_size
    return sizes


def copy_database(source: str, target: str, stop: Callable[[], bool]) -> bool:
    """Copy a catalogue that nobody writes to another place, in the place of what is there.

    The copy is checked under another name: its pages, and that it has as much of everything. It is flushed;
    its folder is still to be.

    Returns:
        Whether it is there; False where ``stop`` came true first.

    Raises:
        CatalogError: it cannot be read, the copy cannot be written, or is not like it.
    """
    arriving = target + _PARTIAL_SUFFIX
    try:
        remove_database(arriving)
        if not _backup(source, arriving, stop):
            return False
        damage = find_damage(arriving, stop)
        if damage is not None:
            raise CatalogError(f"The copy of {source} is not whole: {damage}")
        if _counts(arriving) != _counts(source):
            raise CatalogError(f"The copy of {source} does not hold what that holds: {arriving}.")
        _fsync(arriving)
        remove_database(target)
        os.replace(arriving, target)
    except OSError as error:
        raise CatalogError(f"{target} cannot be written: {error.strerror or error}.") from error
    except CatalogError:
        if stop():
            return False
        raise
    return True


def remove_database(path: str) -> None:
    """Remove a catalogue's file, and what SQLite keeps beside it, as far as they are there.

    Raises:
        OSError: they cannot be removed.
    """
    for name in (*(path + suffix for suffix in SIDE_FILE_SUFFIXES), path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _backup(source: str, target: str, stop: Callable[[], bool]) -> bool:
    def look(_status: int, _left: int, _pages: int) -> None:
        if stop():
            raise _StoppedError

    reading = open_for_reading(source)
    try:
        driver: Any = reading.connection.dbapi_connection
        with translate_errors(target), contextlib.closing(sqlite3.connect(target)) as writing:
            driver.backup(writing, pages=_PAGES_PER_STEP, progress=look)
    except _StoppedError:
        return False
    finally:
        reading.close()
    return True


def _counts(path: str) -> CatalogCounts:
    connection = open_for_reading(path)
    try:
        with translate_errors(path), connection.begin():
            return count_catalog(connection)
    finally:
        connection.close()


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes only what may be written
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _StoppedError(Exception):
    """The copy was asked to stop."""
