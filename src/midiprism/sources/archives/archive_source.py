"""One archive as a source."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from midiprism.sources.archives.archive_reader import ArchiveReader
from midiprism.sources.source import Notice, PathRange, SongContent, SongRef, Source, paths_below


@dataclass(frozen=True)
class ArchiveSource(Source):
    """The songs of one archive, which is treated as a folder.

    Attributes:
        path: absolute path of the archive.
        archive_reader: reads it; several sources may share one.
    """

    path: bytes
    archive_reader: ArchiveReader = field(default_factory=ArchiveReader, compare=False)

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        return (self.path,)

    def walk(self) -> Iterator[SongRef | Notice]:
        """Yield every song of the archive, and a notice for each member that is not taken."""
        return self.archive_reader.walk(self.path, len(self.path) + 1)

    @property
    def covered_ranges(self) -> Sequence[PathRange]:
        return (paths_below(self.path, self.path + os.fsencode(os.sep)),)

    def is_gone(self, path: bytes) -> bool:  # noqa: ARG002 - a walk yields all that is in the archive
        return True

    def running_count(self) -> Iterator[int]:
        total = 0
        for count in self.archive_reader.count_increments(self.path):
            total += count
            yield total
        yield total

    def missing_paths(self) -> list[bytes]:
        return [] if os.path.isfile(self.path) else [self.path]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        return self.archive_reader.read(song_ref, limit)

    def seek(self, song_ref: SongRef) -> None:
        self.archive_reader.seek(song_ref)
