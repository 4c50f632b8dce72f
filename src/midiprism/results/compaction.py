"""Brings the shards of a result up to date: tracks without a song, links that were replaced, the songs table.

Shards never change. What is out of date in one is left out of a new one: the new shard is durable before the
one transaction in which everything moves to it, and the old file is removed afterwards.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence

from blake3 import blake3

from midiprism.catalog import Catalog, open_read_only
from midiprism.catalog.queries.shards import KnownShard, ShardIndex, ShardTrack
from midiprism.errors import MidiprismError, StoreError
from midiprism.results.songs_table import is_current, write_songs_table
from midiprism.stores import ShardedTracks
from midiprism.stores.parquet.schema import ParquetTrack, rows_to_columns
from midiprism.stores.sharded import ShardWriteResult, WrittenShard


class Compactor:
    """Rewrites shards when a run has nothing of its own left to commit.

    While another run is active it does nothing: that run does it later.

    Args:
        catalog: open for writing.
        shards: of the same result.
        run_id: of the run; None if it recorded nothing.
    """

    def __init__(self, catalog: Catalog, shards: ShardedTracks, run_id: int | None) -> None:
        self._catalog = catalog
        self._index = ShardIndex(catalog)
        self._shards = shards
        self._run_id = run_id
        # New shards are recorded with this run, or else with the last that was recorded.
        self._recorded_run_id = run_id or catalog.newest_run() or 0

    def compact(self, *, songs_replaced: bool) -> None:
        """Rewrite the shards that are out of date.

        Args:
            songs_replaced: whether songs were split again, so that there may be tracks without a song.

        Raises:
            StoreError: a shard cannot be read or written.
        """
        if songs_replaced:
            self.delete_unlinked()
        self.rewrite_stale_link_shards()

    def delete_unlinked(self) -> int:
        """Remove tracks that no song links to from the catalog and their shards; return how many.

        Raises:
            StoreError: a shard cannot be read or written.
        """
        with self._catalog.exclusive(self._run_id) as exclusive:
            unlinked = self._index.unlinked_track_ids() if exclusive else {}
        shards_by_id: dict[int | None, KnownShard] = {}
        if unlinked:
            shards_by_id.update((shard.id, shard) for shard in self._index.all_shards())
        return sum(
            self._delete_from_shard(shards_by_id.get(shard_id), track_ids)
            for shard_id, track_ids in unlinked.items()
        )

    def rewrite_stale_link_shards(self) -> None:
        """Rewrite shards that have links of songs that were split again.

        Raises:
            StoreError: a shard cannot be written.
        """
        for shard in self._index.all_shards():
            if shard.stale:
                self.rewrite_link_shard(shard)

    def rewrite_link_shard(self, shard: KnownShard) -> None:
        """Replace a shard of links by one with the links that the catalog has.

        Raises:
            StoreError: it cannot be written.
        """
        with self._catalog.exclusive(self._run_id) as exclusive:
            if not exclusive:
                return
            with self.writing_links(self._index.songs_in(shard.id)):
                self._index.delete_shard(shard.id)
        self.remove(shard)

    def write_missing_links(self, song_ids: Sequence[int]) -> None:
        """Write the links of songs that no shard has to a new one.

        Raises:
            StoreError: it cannot be written.
        """
        with self._catalog.exclusive(self._run_id) as exclusive:
            if exclusive:
                with self.writing_links(song_ids):
                    pass

    def rewrite_track_shard(
        self, shard: KnownShard, rows_by_id: Mapping[int, ParquetTrack], deleted_ids: Sequence[int] = ()
    ) -> None:
        """Replace a shard of tracks by new ones inside a transaction that is open. Its file is left.

        Args:
            rows_by_id: rows of the tracks to keep, by track id; the others are in no shard any more.
            deleted_ids: ids of tracks to delete.
        """
        written = self._shards.write_tracks(self._stem(), rows_to_columns(rows_by_id.values()))
        with _removed_on_failure(self._shards, written.shards):
            self._move_tracks(rows_by_id, written)
            self._index.delete_tracks(deleted_ids)
            self._index.delete_shard(shard.id)

    def write_tracks(self, rows_by_id: Mapping[int, ParquetTrack]) -> None:
        """Write tracks, given by track id, to new shards.

        Raises:
            StoreError: they cannot be written.
        """
        with self._catalog.exclusive(self._run_id) as exclusive:
            if exclusive:
                self.write_tracks_in_transaction(rows_by_id)

    def write_tracks_in_transaction(self, rows_by_id: Mapping[int, ParquetTrack]) -> None:
        """Write tracks, given by track id, to new shards, inside a transaction that is open.

        Raises:
            StoreError: they cannot be written.
        """
        written = self._shards.write_tracks(self._stem(), rows_to_columns(rows_by_id.values()))
        with _removed_on_failure(self._shards, written.shards):
            self._move_tracks(rows_by_id, written)

    def leave_out_removed(
        self, track_shards: Collection[int], link_shards: Collection[int]
    ) -> list[KnownShard]:
        """Replace shards by new ones without the tracks and links that the open transaction has removed.

        Args:
            track_shards: ids of shards with such tracks.
            link_shards: ids of shards with such links.

        Returns:
            The replaced shards, whose files are left.

        Raises:
            StoreError: a shard cannot be read or written.
        """
        replaced = []
        for shard in self._index.all_shards():
            if shard.id in track_shards:
                kept = self._index.tracks_in(shard.id)
                self.rewrite_track_shard(shard, self._track_rows(shard.name, kept))
                replaced.append(shard)
            elif shard.id in link_shards:
                with self.writing_links(self._index.songs_in(shard.id)):
                    self._index.delete_shard(shard.id)
                replaced.append(shard)
        return replaced

    def update_songs_table(self, *, force: bool = False) -> None:
        """Write the table of songs as of the last commit.

        Args:
            force: write it even if it states that it is current.

        Raises:
            StoreError: it cannot be written.
        """
        if not force and is_current(self._catalog, self._shards):
            return
        with self._catalog.exclusive(self._run_id) as exclusive:
            if exclusive:
                with open_read_only(self._catalog.address) as catalog:
                    write_songs_table(catalog, self._shards)

    def _move_tracks(self, rows_by_id: Mapping[int, ParquetTrack], written: ShardWriteResult) -> None:
        """Record that tracks are in new shards."""
        locations = written.row_locations
        positions = [*zip(rows_by_id, locations.shard_indexes, locations.rows, strict=True)]
        self._index.move_tracks(written.shards, positions, self._recorded_run_id)

    def _delete_from_shard(self, shard: KnownShard | None, track_ids: Sequence[int]) -> int:
        """Delete tracks of one shard, or of no shard, and return how many."""
        with self._catalog.exclusive(self._run_id) as exclusive:
            if not exclusive:
                return 0
            if shard is None:
                self._index.delete_tracks(track_ids)
                return len(track_ids)
            deleted = set(track_ids)
            kept = [track for track in self._index.tracks_in(shard.id) if track.id not in deleted]
            self.rewrite_track_shard(shard, self._track_rows(shard.name, kept), track_ids)
        self.remove(shard)
        return len(track_ids)

    def _track_rows(self, shard_name: str, tracks: Sequence[ShardTrack]) -> dict[int, ParquetTrack]:
        """Return the rows of tracks in a shard, by track id."""
        tracks_by_row = {track.row: track for track in tracks}
        rows_by_id = {}
        for row, values in enumerate(self._shards.rows(shard_name) if tracks else ()):
            track = tracks_by_row.get(row)
            if track is not None:
                track_row = ParquetTrack._make(values)
                if blake3(track_row.music).digest() == track.digest:
                    rows_by_id[track.id] = track_row
        if len(rows_by_id) != len(tracks):
            raise StoreError(f"{shard_name} is damaged: a repair of the result restores its tracks.")
        return rows_by_id

    def track_rows(self, shard: KnownShard) -> dict[int, ParquetTrack]:
        """Return the rows of the tracks that are in a shard, by track id.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        return self._track_rows(shard.name, self._index.tracks_in(shard.id))

    @contextlib.contextmanager
    def writing_links(self, song_ids: Sequence[int]) -> Iterator[None]:
        """Write the links of songs to a new shard, which is removed again if the block fails."""
        links = list(self._index.links_of(song_ids))
        written = self._shards.write_links(self._stem(), rows_to_columns(link.row for link in links))
        with _removed_on_failure(self._shards, written.shards):
            positions = [(song_id, 0) for song_id in dict.fromkeys(link.song_id for link in links)]
            self._index.move_links(written.shards, positions, self._recorded_run_id)
            yield

    def remove(self, shard: KnownShard) -> None:
        """Remove the file of a shard that no row names any more."""
        with contextlib.suppress(StoreError):  # the next run removes it
            self._shards.remove(shard.name)

    def _stem(self) -> str:
        return self._shards.new_stem(self._recorded_run_id)


@contextlib.contextmanager
def _removed_on_failure(shards: ShardedTracks, new_shards: Sequence[WrittenShard]) -> Iterator[None]:
    """Remove new shards again if the transaction fails that records them."""
    try:
        yield
    except BaseException:
        for shard in new_shards:
            with contextlib.suppress(MidiprismError):  # the next run removes it
                shards.remove(shard.name)
        raise
