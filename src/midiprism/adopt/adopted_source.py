"""The songs that another program's library lists, as a source."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from midiprism.adopt.db.foreign_songs import AlreadySplitSong
from midiprism.records.outcomes import ADOPTED
from midiprism.sources.path_list import PathListSource
from midiprism.sources.source import RecordedSong


def _no_pages() -> Iterator[Sequence[AlreadySplitSong]]:
    return iter(())


@dataclass(frozen=True)
class AdoptedSource(PathListSource):
    """The songs of a library, of which some are recorded as split by their owner.

    Attributes:
        already_split_pages: returns, page by page, the songs that their owner has split and that are not to
            be opened.
    """

    already_split_pages: Callable[[], Iterator[Sequence[AlreadySplitSong]]] = _no_pages

    def recorded(self) -> Iterator[RecordedSong]:
        """Yield the songs that their owner has split. Songs without an absolute local path are left out."""
        for page in self.already_split_pages():
            for song in page:
                song_ref = self.song_ref_of(song.path)
                if song_ref is not None:
                    yield RecordedSong(
                        song_ref,
                        song.content_hash,
                        ADOPTED,
                        song.format,
                        song.num_tracks,
                        song.ticks_per_quarter_note,
                        song.duration_ticks,
                        song.duration_seconds,
                    )
