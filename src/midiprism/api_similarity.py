"""The part of the Python API for similarity: search by example, and groups of what is the same music."""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from midiprism.api_values import PathLike
from midiprism.catalog import PostgresAddress, TrackRow
from midiprism.catalog.queries.similar_groups import (
    SimilarSongs,
    SimilarTracks,
    similar_songs,
    similar_tracks,
)
from midiprism.catalog.reader import reader_of
from midiprism.results.result_dir import open_catalog_of
from midiprism.search.find import open_search
from midiprism.similarity.types import FingerprintProgress, FoundTrack, GroupCounts, Rule


class SimilarTrack(NamedTuple):
    """A track that has the music of an example.

    Attributes:
        match: the score and the place.
        row: the track, with the first of its songs.
    """

    match: FoundTrack
    row: TrackRow


class SimilarityMethods:
    """The methods of a ``Result`` about similarity.

    Attributes:
        folder: absolute path of the result.
    """

    folder: str
    _database: PostgresAddress | None

    def similar(
        self, example: PathLike, *, limit: int = 20, rule: Rule = "notes", min_score: float = 0.0
    ) -> list[SimilarTrack]:
        """Return the tracks that have the music of an example, in any key and tempo, the best first.

        Args:
            example: path of a MIDI file, the first 8 or more hexadecimal digits of the BLAKE3 of a track of
                the result, or at least 8 notes such as ``"E E F G G F E D"``.
            limit: most tracks to return.
            rule: ``notes``; ``exact`` for places with exactly the intervals of the example; or ``rhythm`` to
                compare the rhythm alone.
            min_score: leave out tracks with a lower score, of 0 to 1.

        Raises:
            UsageError: there is no such track or file, or too few notes.
            StoreError: something cannot be read or written.
            CatalogError: the catalog cannot be read.
        """
        from midiprism.similarity.by_example import open_finder

        with open_search(self.folder, self._database) as search:
            finder = open_finder(self.folder, search.reader)
            examples = finder.examples(os.fspath(example))
            found = finder.find(examples, limit, rule=rule, min_score=min_score)
            rows = search.first_rows([match.id for match in found])
        return [SimilarTrack(match, rows[match.id]) for match in found if match.id in rows]

    def find_groups(
        self,
        *,
        threshold: float | None = None,
        threads: int = 2,
        on_progress: Callable[[FingerprintProgress], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> GroupCounts:
        """Find the tracks that are the same music, and the songs that share them, and record their groups.

        What was grouped before is not compared again.

        Args:
            threshold: the share of their phrases of six notes that two tracks have in common, and in the same
                order, at least. None for that of the last time, or else 0.15.
            threads: that compare.
            on_progress: called while tracks are read for the first time.
            stop: once it returns true, the groups stay as they were.

        Raises:
            StoreError: another process writes to the result, or it cannot be written.
            CatalogError: the catalog cannot be written.
        """
        from midiprism.similarity.groups import update_groups

        return update_groups(
            self.folder, self._database, threshold, threads, stop=stop, on_progress=on_progress
        )

    def similar_tracks(self, limit: int | None = None) -> Iterator[SimilarTracks]:
        """Yield the groups of tracks that are the same music, as they were found last; the largest first.

        Args:
            limit: most groups to yield.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        with open_catalog_of(self.folder, self._database) as catalog, reader_of(catalog) as reader:
            yield from similar_tracks(reader, limit)

    def similar_songs(self, limit: int | None = None) -> Iterator[SimilarSongs]:
        """Yield the groups of songs that share music, as they were found last; the largest first.

        Args:
            limit: most groups to yield.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        with open_catalog_of(self.folder, self._database) as catalog, reader_of(catalog) as reader:
            yield from similar_songs(reader, limit)
