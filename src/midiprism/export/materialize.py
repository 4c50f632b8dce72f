"""Writes stored tracks to files elsewhere, with shared blocks where possible, or as hard links."""

import os
from typing import Literal

from midiprism.fs.exclusive_create import create_file, read_regular_file
from midiprism.fs.reflink import Reflinker
from midiprism.stores import TrackLocation, TrackStore

MaterializeOutcome = Literal["new", "same", "differs"]


class Materializer:
    """Writes tracks of a result to files elsewhere; a file that exists is never touched.

    Args:
        store: that has the tracks.
        hardlink: link instead of copying, so that the new file is the stored file itself. Only for a store
            whose tracks are files.
    """

    def __init__(self, store: TrackStore, *, hardlink: bool = False) -> None:
        self._store = store
        self._hardlink = hardlink
        self._tracks_are_files = store.capabilities.tracks_are_files
        self._reflinker = Reflinker()

    def materialize(self, location: TrackLocation, target: str) -> MaterializeOutcome:
        """Write a track to ``target``, whose folder exists.

        Raises:
            StoreError: the track is missing.
            OSError: ``target`` cannot be written.
        """
        try:
            source = self._store.local_path(location) if self._hardlink else None
            if source is not None:
                os.link(source, target, follow_symlinks=False)
            else:
                self._copy(location, target)
        except FileExistsError:
            return self.compare(location, target)
        return "new"

    def compare(self, location: TrackLocation, target: str) -> MaterializeOutcome:
        """Return what ``materialize`` would return."""
        if not os.path.lexists(target):
            return "new"
        return "same" if read_regular_file(target) == self._store.read(location) else "differs"

    def _copy(self, location: TrackLocation, target: str) -> None:
        data = self._store.read(location)
        source = None
        if self._tracks_are_files and self._reflinker.supported:
            source = self._store.local_path(location)

        def reflink(descriptor: int) -> bool:
            return source is not None and self._reflinker.reflink(source, descriptor)

        create_file(target, data, fill=reflink)
