"""What is to be done in a result in shards before the first commit and after the last.

Shards never change. What is out of date in one is left out of a new one that takes its place: that is durable
before the one transaction in which everything moves to it, and the old file is removed afterwards.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence

from blake3 import blake3

from midiprism.catalog import Catalog, ShardFile, open_read_only
from midiprism.catalog.queries.shards import KnownShard, ShardIndex, ShardTrack
from midiprism.errors import MidiprismError, StoreError
from midiprism.results.background import Background, run_inline
from midiprism.results.songs_table import is_current, write_songs_table
from midiprism.stores.parquet.schema import ParquetTrack, rows_to_columns
from midiprism.stores.parquet.shards import WrittenShard as WrittenShard
from midiprism.stores.parquet.store import ParquetStore


def sweep_shards(catalog: Catalog, shards: ParquetStore) -> list[str]:
    """Remove shards of which no commit speaks, and temporary files; their names.

    Only while nobody else holds the folder for writing: of another run's shard its commit may be about to
    speak.

    Raises:
        StoreError: something cannot be removed, or the catalogue is new: then all shards would be.
    """
    if catalog.newest_run() is None and any(shards.walk()):
        raise StoreError(
            f"The catalogue {catalog.path} is new, and knows nothing of the Parquet files that are there: "
            "bring theirs back, or move the folders tracks, links and songs away to begin again."
        )
    with catalog.exclusive(None) as alone:
        return shards.remove_orphans(ShardIndex(catalog).shard_names()) if alone else []


class Compactor:
    """What a run does at its end, with nothing of its own to commit any more.

    While another run is on, nothing is done: that one will.

    Args:
        catalog: open for writing.
        shards: of its result.
        run_id: of the run; None where it had nothing to record.
        aside: does a part of it meanwhile.
    """

    def __init__(
        self,
        catalog: Catalog,
        shards: ParquetStore,
        run_id: int | None,
        run_in_background: Background = run_inline,
    ) -> None:
        self._catalog = catalog
        self._index = ShardIndex(catalog)
        self._shards = shards
        self._run_id = run_id
        self._run_in_background = run_in_background
        # What is written is recorded with a run, if not this one with the last that was.
        self._recorded_run_id = run_id or catalog.newest_run() or 0

    def compact(self, *, songs_replaced: bool) -> None:
        """Do all of it.

        Args:
            replaced: whether songs were split again, so that there may be tracks that none has any more.

        Raises:
            StoreError: a shard cannot be read or written.
        """
        if songs_replaced:
            self.delete_unlinked()
        self.rewrite_stale_link_shards()
        self.update_songs_table()

    def delete_unlinked(self) -> int:
        """Tracks that no song has any more leave the catalogue and their shards; how many.

        Raises:
            StoreError: a shard cannot be read or written.
        """
        with self._catalog.exclusive(self._run_id) as alone:
            unlinked = self._index.unlinked_track_ids() if alone else {}
        known: dict[int | None, KnownShard] = {}
        if unlinked:
            known.update((shard.id, shard) for shard in self._index.all_shards())
        return sum(self._delete_from_shard(known.get(shard), gone) for shard, gone in unlinked.items())

    def rewrite_stale_link_shards(self) -> None:
        """Shards with links of songs that were split again are written anew.

        Raises:
            StoreError: a shard cannot be written.
        """
        for shard in self._index.all_shards():
            if shard.stale:
                self.rewrite_link_shard(shard)

    def rewrite_link_shard(self, shard: KnownShard) -> None:
        """Write a shard of links anew, as the catalogue has them.

        Raises:
            StoreError: it cannot be written.
        """
        with self._catalog.exclusive(self._run_id) as alone:
            if not alone:
                return
            with self._writing_links(self._index.songs_in(shard.id)):
                self._index.delete_shard(shard.id)
        self._remove(shard)

    def write_missing_links(self, song_ids: Sequence[int]) -> None:
        """Write the links of songs that lie in no shard to a new one.

        Raises:
            StoreError: it cannot be written.
        """
        with self._catalog.exclusive(self._run_id) as alone:
            if alone:
                with self._writing_links(song_ids):
                    pass

    def rewrite_track_shard(
        self, shard: KnownShard, rows_by_id: Mapping[int, ParquetTrack], deleted_ids: Sequence[int] = ()
    ) -> None:
        """Put new shards in the place of one of tracks, inside a transaction that is open. The file is left.

        Args:
            rows: by the numbers of the tracks; others that lie in it have no place any more.
            gone: numbers of tracks that are deleted.
        """
        new, places = self._shards.write_tracks(self._stem(), rows_to_columns(rows_by_id.values()))
        with _removed_on_failure(self._shards, new):
            moved = [(track, *place) for track, place in zip(rows_by_id, places, strict=True)]
            self._index.move_tracks(_as_catalog_shards(new), moved, self._recorded_run_id)
            self._index.delete_tracks(deleted_ids)
            self._index.delete_shard(shard.id)

    def write_tracks(self, rows_by_id: Mapping[int, ParquetTrack]) -> None:
        """Write tracks to new shards, by their numbers.

        Raises:
            StoreError: they cannot be written.
        """
        with self._catalog.exclusive(self._run_id) as alone:
            if not alone:
                return
            new, places = self._shards.write_tracks(self._stem(), rows_to_columns(rows_by_id.values()))
            with _removed_on_failure(self._shards, new):
                moved = [(track, *place) for track, place in zip(rows_by_id, places, strict=True)]
                self._index.move_tracks(_as_catalog_shards(new), moved, self._recorded_run_id)

    def update_songs_table(self, *, force: bool = False) -> None:
        """The table of songs becomes that of the last commit.

        Args:
            anew: write it even if it says that it is.

        Raises:
            StoreError: it cannot be written.
        """
        if not force and is_current(self._catalog, self._shards):
            return
        with self._catalog.exclusive(self._run_id) as alone:
            if alone:
                with open_read_only(self._catalog.address) as catalog:
                    write_songs_table(catalog, self._shards, self._run_in_background)

    def _delete_from_shard(self, shard: KnownShard | None, deleted_ids: Sequence[int]) -> int:
        """Write a shard of tracks anew, without some of them; how many. None for tracks that lie in none."""
        with self._catalog.exclusive(self._run_id) as alone:
            if not alone:
                return 0
            if shard is None:
                self._index.delete_tracks(deleted_ids)
                return len(deleted_ids)
            left = set(deleted_ids)
            kept = [track for track in self._index.tracks_in(shard.id) if track.id not in left]
            self.rewrite_track_shard(shard, self._track_rows(shard.name, kept), deleted_ids)
        self._remove(shard)
        return len(deleted_ids)

    def _track_rows(self, shard_name: str, tracks: Sequence[ShardTrack]) -> dict[int, ParquetTrack]:
        """The rows of tracks in a shard, by their numbers."""
        at = {track.row: track for track in tracks}
        found = {}
        for row, values in enumerate(self._shards.rows(shard_name) if at else ()):
            track = at.pop(row, None)
            if track is not None:
                found[track.id] = ParquetTrack._make(values)
                if blake3(found[track.id].music).digest() != track.digest:
                    at[row] = track
        if at:
            raise StoreError(f"{shard_name} is damaged: `midiprism verify --repair` mends it.")
        return found

    @contextlib.contextmanager
    def _writing_links(self, song_ids: Sequence[int]) -> Iterator[None]:
        """Write the links of songs to a new shard, around the rest of the transaction."""
        links = list(self._index.links_of(song_ids))
        new, _ = self._shards.write_links(self._stem(), rows_to_columns(link.row for link in links))
        with _removed_on_failure(self._shards, new):
            homes = [(number, 0) for number in dict.fromkeys(link.song_id for link in links)]
            self._index.move_links(_as_catalog_shards(new), homes, self._recorded_run_id)
            yield

    def _remove(self, shard: KnownShard) -> None:
        with contextlib.suppress(StoreError):  # the next run will sweep it
            self._shards.remove(shard.name)

    def _stem(self) -> str:
        return f"{self._recorded_run_id}-{secrets.token_hex(8)}"


@contextlib.contextmanager
def _removed_on_failure(store: ParquetStore, new_shards: Sequence[WrittenShard]) -> Iterator[None]:
    """Remove new shards again if the transaction fails that was to speak of them."""
    try:
        yield
    except BaseException:
        for shard in new_shards:
            with contextlib.suppress(MidiprismError):  # it will be swept
                store.remove(shard.name)
        raise


def _as_catalog_shards(new_shards: Sequence[WrittenShard]) -> list[ShardFile]:
    """What a store has written, for the catalogue."""
    return [ShardFile(*shard) for shard in new_shards]
