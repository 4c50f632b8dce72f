"""Several sources as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from midiprism.sources.source import Notice, PathRange, RecordedSong, SongContent, SongRef, Source


@dataclass(frozen=True)
class ChainedSource(Source):
    """Several sources, one after the other.

    Attributes:
        sources: the sources, in order.
        by_container: the source that reads an archive or a Parquet file, by that file's path; the source that
            reads all other songs is under the empty path.
    """

    sources: Sequence[Source]
    by_container: dict[bytes, Source]

    @property
    def source_paths(self) -> tuple[bytes, ...]:
        return tuple(path for source in self.sources for path in source.source_paths)

    def walk(self) -> Iterator[SongRef | Notice]:
        """Yield every song, source by source."""
        return chain.from_iterable(source.walk() for source in self.sources)

    @property
    def covered_ranges(self) -> tuple[PathRange, ...]:
        return tuple(covered for source in self.sources for covered in source.covered_ranges)

    def is_gone(self, path: bytes) -> bool:
        """Return whether a source that covers a path finds it gone; others may not have looked at it."""
        return any(
            source.is_gone(path)
            for source in self.sources
            if any(covered.includes(path) for covered in source.covered_ranges)
        )

    def running_count(self) -> Iterator[int]:
        before = total = 0
        for source in self.sources:
            for count in source.running_count():
                total = before + count
                yield total
            before = total
        yield total

    def missing_paths(self) -> list[bytes]:
        return [path for source in self.sources for path in source.missing_paths()]

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        return self._source_of(song_ref).read(song_ref, limit)

    def seek(self, song_ref: SongRef) -> None:
        self._source_of(song_ref).seek(song_ref)

    def recorded(self) -> Iterator[RecordedSong]:
        return chain.from_iterable(source.recorded() for source in self.sources)

    def _source_of(self, song_ref: SongRef) -> Source:
        member = song_ref.member
        container = song_ref.path[: member.container_path_length] if member else b""
        return self.by_container.get(container) or self.by_container[b""]
