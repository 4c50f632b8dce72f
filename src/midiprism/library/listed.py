"""Files that somebody else keeps a list of, as a library."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from midiprism.library.folder import found_at
from midiprism.library.pathmap import NOT_MOVED, PathMap
from midiprism.library.reading import read_file
from midiprism.library.source import Content, Found, Notice


def _nothing() -> Iterator[Sequence[bytes]]:
    return iter(())


@dataclass(frozen=True)
class ListedLibrary:
    """The files of a list, which may be longer than memory.

    It crosses to other processes without the list: there, files are read.

    Attributes:
        pages: the paths as recorded, page by page, in the order of their bytes.
        total: how many there are.
        paths: where they are here.
        root: the folder that all are in, as recorded, with a separator behind it; empty for none.
    """

    pages: Callable[[], Iterable[Sequence[bytes]]] = _nothing
    total: Callable[[], int] = int
    paths: PathMap = NOT_MOVED
    root: bytes = b""

    def __reduce__(self) -> tuple[type["ListedLibrary"], tuple[()]]:
        return ListedLibrary, ()

    @property
    def sources(self) -> tuple[bytes, ...]:
        """None: the list is no path."""
        return ()

    def walk(self) -> Iterator[Found | Notice]:
        """Every file with its size and time, and a notice for each whose path says nothing here."""
        for page in self.pages():
            for recorded in page:
                yield self.found(recorded) or Notice(
                    recorded, "relative", "Its path is not a whole one: say with --path-map where it is."
                )

    def found(self, recorded: bytes) -> Found | None:
        """The file of a path as recorded; None where that does not begin at the root of the file system."""
        path = self.paths.here(recorded)
        return found_at(path, self._root_length(recorded, path)) if os.path.isabs(path) else None

    def count(self) -> Iterator[int]:
        """How many there are."""
        yield self.total()

    def missing(self) -> list[bytes]:
        """The folder that all of them are in, if it is gone."""
        folder = self.paths.here(self.root.rstrip(b"/")) if self.root else b""
        return [folder] if folder and not os.path.isdir(folder) else []

    def read(self, found: Found, limit: int) -> Content:
        """Read a file; see ``midiprism.library.reading.read_file``."""
        return read_file(found.path, limit)

    def _root_length(self, recorded: bytes, path: bytes) -> int:
        """How much of a path here stands for the folder that all are in, or more where that was mapped."""
        inside = recorded[len(self.root) :]
        while inside and not path.endswith(b"/" + inside):
            inside = inside.partition(b"/")[2]
        return len(path) - len(inside)
