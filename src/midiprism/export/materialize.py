"""Writes stored tracks to files elsewhere, with shared blocks where possible, or as hard links."""

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, NamedTuple

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import PendingFiles
from midiprism.fs.exclusive_create import read_regular_file
from midiprism.fs.reflink import Reflinker
from midiprism.stores import TrackLocation, TrackStore

MaterializeOutcome = Literal["new", "same", "differs"]

_FILES_PER_FLUSH = 1_000
_BYTES_PER_FLUSH = 64 << 20


class Materialized(NamedTuple):
    """A file that is in its place, or an error.

    Attributes:
        target: path of the file.
        size: of the track.
        outcome: ``new``, ``same`` or ``differs`` for a file that existed with the same or other bytes; or the
            error, a StoreError or an OSError.
    """

    target: str
    size: int
    outcome: MaterializeOutcome | StoreError | OSError


class Materializer:
    """Writes tracks of a result to files elsewhere; a file that exists is never touched.

    Files have temporary names until many of them are made durable at once. Use it as a context manager: files
    that have no name of their own at its end are removed.

    Args:
        store: that has the tracks.
        root: a folder that holds all files.
        hardlink: link instead of copying, so that the new file is the stored file itself. Only for a store
            whose tracks are files.
    """

    def __init__(self, store: TrackStore, root: str, *, hardlink: bool = False) -> None:
        self._store = store
        self._hardlink = hardlink
        self._tracks_are_files = store.capabilities.tracks_are_files
        self._reflinker = Reflinker()
        self._files = PendingFiles(root)
        self._pending: dict[str, tuple[TrackLocation, int]] = {}
        self._pending_bytes = 0

    def __enter__(self) -> "Materializer":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._files.discard()

    def materialize(self, location: TrackLocation, size: int, target: str) -> Iterator[Materialized]:
        """Write a track to ``target``, whose folder exists; yield what has become of this or earlier tracks.

        Raises:
            StoreError: the track is missing.
            OSError: ``target`` cannot be written.
        """
        if os.path.lexists(target):
            yield Materialized(target, size, self.compare(location, target))
        elif self._hardlink and (source := self._store.local_path(location)) is not None:
            try:
                os.link(source, target, follow_symlinks=False)
            except FileExistsError:  # it has appeared since
                yield Materialized(target, size, self.compare(location, target))
            else:
                yield Materialized(target, size, "new")
        else:
            self._write(location, target)
            self._pending[target] = location, size
            self._pending_bytes += size
            if len(self._pending) >= _FILES_PER_FLUSH or self._pending_bytes >= _BYTES_PER_FLUSH:
                yield from self.commit()

    def commit(self) -> Iterator[Materialized]:
        """Give the files that were written their names, and yield what has become of each."""
        pending, self._pending, self._pending_bytes = self._pending, {}, 0
        for target, failed in self._files.commit():
            location, size = pending[target]
            outcome: MaterializeOutcome | StoreError | OSError
            try:
                if isinstance(failed, FileExistsError):  # it has appeared since
                    outcome = self.compare(location, target)
                else:
                    outcome = failed or "new"
            except (StoreError, OSError) as error:
                outcome = error
            yield Materialized(target, size, outcome)

    def finish(self) -> None:
        """Return once all files would survive a power cut.

        Raises:
            OSError: they would not.
        """
        self._files.flush_names()

    def compare(self, location: TrackLocation, target: str) -> MaterializeOutcome:
        """Return the outcome that a track at ``target`` has now.

        Raises:
            StoreError: the track is missing.
            OSError: ``target`` cannot be read.
        """
        if not os.path.lexists(target):
            return "new"
        return "same" if read_regular_file(target) == self._store.read(location) else "differs"

    def _write(self, location: TrackLocation, target: str) -> None:
        data = self._store.read(location)
        source = None
        if self._tracks_are_files and self._reflinker.supported:
            source = self._store.local_path(location)

        def reflink(descriptor: int) -> bool:
            return source is not None and self._reflinker.reflink(source, descriptor)

        self._files.create(target, data, fill=reflink)
