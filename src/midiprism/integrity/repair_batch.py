"""Songs that a repair has read, to be split again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from midiprism.catalog import SongPath
from midiprism.sources import Notice, SongContent, SongRef, Source

SONGS_PER_BATCH = 250
_BATCH_BYTES = 64 << 20


class RepairBatch:
    """Songs in hand, to be split and committed as one."""

    def __init__(self) -> None:
        self.songs: list[tuple[SongPath, SongContent]] = []
        self._bytes = 0

    def add(self, path: SongPath, content: SongContent) -> bool:
        """Take one; whether that is enough."""
        self.songs.append((path, content))
        self._bytes += content.size
        return len(self.songs) >= SONGS_PER_BATCH or self._bytes >= _BATCH_BYTES

    def clear(self) -> None:
        self.songs.clear()
        self._bytes = 0


@dataclass(frozen=True)
class MemorySource(Source):
    """A library of the few songs that were read already."""

    contents: dict[bytes, SongContent]

    @property
    def source_paths(self) -> Sequence[bytes]:
        return ()

    def walk(self) -> Iterator[SongRef | Notice]:
        return iter(())

    def running_count(self) -> Iterator[int]:
        return iter((len(self.contents),))

    def missing_paths(self) -> list[bytes]:
        return []

    def read(self, song_ref: SongRef, limit: int) -> SongContent:  # noqa: ARG002 - it was kept when it was read
        return self.contents[song_ref.path]
