"""A list of files that another program keeps, as a source."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from midiprism.sources.folder import read_file, song_ref_at
from midiprism.sources.path_map import NO_PATH_MAP, PathMap
from midiprism.sources.source import Notice, PathRange, SongContent, SongRef, Source


def _no_pages() -> Iterator[Sequence[bytes]]:
    return iter(())


def _has_entries(folder: bytes) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


@dataclass(frozen=True)
class PathListSource(Source):
    """The files of a list that need not fit into memory.

    A worker process gets the source without the list, because it only reads files.

    Attributes:
        pages: returns the recorded paths page by page, in the order of their bytes.
        count_paths: returns the number of paths.
        path_map: maps recorded paths to local ones.
        recorded_root: the folder that contains all files, as recorded, with a separator at the end; empty if
            there is none.
    """

    pages: Callable[[], Iterable[Sequence[bytes]]] = _no_pages
    count_paths: Callable[[], int] = int
    path_map: PathMap = NO_PATH_MAP
    recorded_root: bytes = b""

    def __reduce__(self) -> tuple[type["PathListSource"], tuple[()]]:
        return PathListSource, ()

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        """Return no paths: the list is neither a file nor a folder."""
        return ()

    def walk(self) -> Iterator[SongRef | Notice]:
        """Yield every file with its size and time, and a notice for each path that is not absolute."""
        for page in self.pages():
            for recorded_path in page:
                yield self.song_ref_of(recorded_path) or Notice(
                    recorded_path, "relative", "Its path is not absolute: map it to a local folder."
                )

    def song_ref_of(self, recorded_path: bytes) -> SongRef | None:
        """Return the file at a recorded path; None if its local path is not absolute."""
        path = self.path_map.to_local(recorded_path)
        return song_ref_at(path, self._root_length(recorded_path, path)) if os.path.isabs(path) else None

    @property
    def covered_ranges(self) -> Sequence[PathRange]:
        """Return all paths: a result of a list has no other source."""
        return (PathRange(b"", b"", None),)

    def is_gone(self, path: bytes) -> bool:  # noqa: ARG002 - the list does not have it any more
        return True

    def running_count(self) -> Iterator[int]:
        yield self.count_paths()

    def missing_paths(self) -> list[bytes]:
        """Return the folder that contains all files if it is missing, or empty: its disk may be unmounted."""
        folder = self.path_map.to_local(self.recorded_root.rstrip(b"/")) if self.recorded_root else b""
        return [folder] if folder and not _has_entries(folder) else []

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        return read_file(song_ref.path, limit)

    def _root_length(self, recorded_path: bytes, local_path: bytes) -> int:
        """Return the length of the part of a local path that corresponds to ``recorded_root``.

        The part is longer where folders below the root are mapped too.
        """
        inside = recorded_path[len(self.recorded_root) :]
        while inside and not local_path.endswith(b"/" + inside):
            inside = inside.partition(b"/")[2]
        return len(local_path) - len(inside)
