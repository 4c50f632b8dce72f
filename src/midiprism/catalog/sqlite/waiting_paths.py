"""Paths of songs that a catalog does not have yet, for any number of them: they spill to the disk."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from midiprism.catalog.sqlite.temporary_database import open_temporary_database


class WaitingPath(NamedTuple):
    """A path of a song.

    Attributes:
        root_length: bytes of the folder or URL of its source, with a slash.
        digest: of the song.
    """

    path: bytes
    root_length: int
    size: int
    mtime_ns: int
    digest: bytes


class WaitingPaths:
    """Paths that wait for their songs; at each path, the song that came last."""

    def __init__(self) -> None:
        self._count = 0
        self._paths = open_temporary_database(
            "CREATE TABLE paths (path BLOB PRIMARY KEY, root_length INTEGER, size INTEGER, mtime_ns INTEGER, "
            "digest BLOB) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Forget them."""
        self._paths.close()

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Iterable[WaitingPath]) -> None:
        """Let paths wait, none of which does."""
        self._count += self._paths.executemany("INSERT INTO paths VALUES (?, ?, ?, ?, ?)", rows).rowcount

    def remove(self, paths: Iterable[bytes]) -> None:
        """Let those of some paths wait no more that do."""
        if self._count:
            deleted = self._paths.executemany("DELETE FROM paths WHERE path = ?", ((it,) for it in paths))
            self._count -= deleted.rowcount

    def first(self, count: int) -> Sequence[WaitingPath]:
        """Return so many of the first paths, or as many as there are."""
        rows = self._paths.execute("SELECT * FROM paths ORDER BY path LIMIT ?", (count,))
        return [*map(WaitingPath._make, rows)]
