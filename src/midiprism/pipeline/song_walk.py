"""A walk over the songs of a source that can begin before a run is ready for it."""

from collections.abc import Iterator
from itertools import chain

from midiprism.errors import MidiprismError
from midiprism.sources import Notice, SongRef, Source


class SongWalk:
    """Walks over the songs of a source, each time from the beginning.

    Args:
        source: lists the songs.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._begun: Iterator[SongRef | Notice] | None = None

    def __iter__(self) -> Iterator[SongRef | Notice]:
        begun, self._begun = self._begun, None
        return self._source.walk() if begun is None else begun

    def has_songs(self) -> bool:
        """Return whether there is a song. The walk that found it is the next one, and is continued.

        An error of the source is left to that walk.
        """
        walk, seen = self._source.walk(), list[SongRef | Notice]()
        try:
            for item in walk:
                seen.append(item)
                if not isinstance(item, Notice):
                    self._begun = chain(seen, walk)
                    return True
        except MidiprismError:
            return False
        self._begun = iter(seen)
        return False
