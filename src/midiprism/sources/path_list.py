"""Files that somebody else keeps a list of, as a library."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from midiprism.sources.folder import song_ref_at
from midiprism.sources.path_map import NO_PATH_MAP, PathMap
from midiprism.sources.read_file import read_file
from midiprism.sources.source import Notice, SongContent, SongRef


def _no_pages() -> Iterator[Sequence[bytes]]:
    return iter(())


@dataclass(frozen=True)
class PathListSource:
    """The files of a list, which may be longer than memory.

    It crosses to other processes without the list: there, files are read.

    Attributes:
        pages: the paths as recorded, page by page, in the order of their bytes.
        total: how many there are.
        paths: where they are here.
        root: the folder that all are in, as recorded, with a separator behind it; empty for none.
    """

    pages: Callable[[], Iterable[Sequence[bytes]]] = _no_pages
    count_paths: Callable[[], int] = int
    path_map: PathMap = NO_PATH_MAP
    recorded_root: bytes = b""

    def __reduce__(self) -> tuple[type["PathListSource"], tuple[()]]:
        return PathListSource, ()

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        """None: the list is no path."""
        return ()

    def walk(self) -> Iterator[SongRef | Notice]:
        """Every file with its size and time, and a notice for each whose path says nothing here."""
        for page in self.pages():
            for recorded in page:
                yield self.song_ref_of(recorded) or Notice(
                    recorded, "relative", "Its path is not a whole one: say with --path-map where it is."
                )

    def song_ref_of(self, recorded_path: bytes) -> SongRef | None:
        """The file of a path as recorded; None where that does not begin at the root of the file system."""
        path = self.path_map.to_local(recorded_path)
        return song_ref_at(path, self._root_length(recorded_path, path)) if os.path.isabs(path) else None

    def running_count(self) -> Iterator[int]:
        """How many there are."""
        yield self.count_paths()

    def missing_paths(self) -> list[bytes]:
        """The folder that all of them are in, if it is gone."""
        folder = self.path_map.to_local(self.recorded_root.rstrip(b"/")) if self.recorded_root else b""
        return [folder] if folder and not os.path.isdir(folder) else []

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        """Read a file; see ``run_files.library.source_options.read_file``."""
        return read_file(song_ref.path, limit)

    def _root_length(self, recorded_path: bytes, local_path: bytes) -> int:
        """How much of a path here stands for the folder that all are in, or more where that was mapped."""
        inside = recorded_path[len(self.recorded_root) :]
        while inside and not local_path.endswith(b"/" + inside):
            inside = inside.partition(b"/")[2]
        return len(local_path) - len(inside)
