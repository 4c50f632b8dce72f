"""Removes the songs that are gone at the end of a run."""

from collections.abc import Callable, Collection, Sequence

from midiprism.catalog import Catalog
from midiprism.catalog.commit_hook import CommitHook
from midiprism.catalog.queries.gone_songs import delete_gone_places, replaced_songs
from midiprism.pipeline.missing_songs import MissingSongs
from midiprism.results.removal import Remover
from midiprism.results.removal_counts import RemovalCounts
from midiprism.sources import PathRange
from midiprism.stores import TrackStore


class Pruner:
    """Removes songs from the result of a run.

    Args:
        catalog: open for writing.
        store: of the same result.
        out: the folder of the result.
        hooks: take part in commits.
    """

    def __init__(
        self, catalog: Catalog, store: TrackStore, out: str, hooks: Sequence[CommitHook] = ()
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._out = out
        self._hooks = hooks

    def prune(
        self, ranges: Sequence[PathRange], missing: Sequence[MissingSongs], begin_run: Callable[[], int]
    ) -> RemovalCounts:
        """Remove missing songs, and songs at whose paths other songs are.

        If any is removed, earlier removals become final.

        Songs that were moved lose their old paths.

        Args:
            ranges: of paths that the scan covered.
            missing: the songs that the scan has not seen; those of sources that are doubted stay.
            begin_run: records the run, if it is not, and returns its id.

        Raises:
            StoreError: another run is active, or the store cannot be written.
            CatalogError: the catalog cannot be written.
        """
        song_ids = {song_id for lost in missing if not lost.doubted for song_id in lost.song_ids}
        song_ids.update(replaced_songs(self._catalog))
        removed = self._remove(song_ids, begin_run)
        doubted = {lost.source for lost in missing if lost.doubted}
        for covered in ranges:
            if covered.source not in doubted:
                delete_gone_places(self._catalog, covered.first, covered.end)
        return removed

    def _remove(self, song_ids: Collection[int], begin_run: Callable[[], int]) -> RemovalCounts:
        if not song_ids:
            return RemovalCounts()  # the last removal can still be undone
        remover = Remover(self._catalog, self._store, self._out, begin_run(), self._hooks)
        remover.discard()
        return remover.remove(song_ids)
