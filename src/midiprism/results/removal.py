"""Removes songs from a result, with the tracks that no other song has, and undoes that.

One transaction moves the rows of the songs and tracks to tables of removed rows; the files of the tracks
follow. Where a process is killed in between, the next one that writes the result completes it: the rows say
which files are to be moved. The next prune that removes a song deletes
both.
"""

from collections.abc import Collection, Iterable, Sequence

from midiprism.catalog import Catalog, utc_now
from midiprism.catalog.commit_hook import BatchTransaction, CommitHook
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.queries.removal import RemovalQueries, RemovedTrack
from midiprism.catalog.queries.shards import KnownShard, ShardIndex
from midiprism.errors import StoreError
from midiprism.results.compaction import Compactor
from midiprism.results.removal_counts import RemovalCounts
from midiprism.results.removed_files import RemovedFiles
from midiprism.stores import TrackLocation, TrackStore

RUN_ACTIVE = "Another run is active: give the same command again when it has ended."


class Remover:
    """Removes songs from one result, which the caller has locked for writing.

    Args:
        catalog: open for writing, with no transaction.
        store: of the same result.
        out: the folder of the result.
        run_id: of the run that records the removal.
        hooks: take part in commits; with hooks, a removal cannot be undone.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: TrackStore,
        out: str,
        run_id: int,
        hooks: Sequence[CommitHook] = (),
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._files = RemovedFiles(out)
        self._run_id = run_id
        self._hooks = hooks
        self._queries = RemovalQueries(catalog)

    def remove(self, song_ids: Collection[int]) -> RemovalCounts:
        """Remove songs, and the tracks that only they have.

        Raises:
            StoreError: another run is active, or a shard or file cannot be read, written or moved.
            CatalogError: the catalog cannot be written. Nothing was removed.
        """
        obsolete: list[KnownShard] = []
        with self._catalog.exclusive(self._run_id) as exclusive:
            if not exclusive:
                raise StoreError(RUN_ACTIVE)
            link_shards = self._queries.link_shards(song_ids)
            songs, kept, track_shards = self._remove_rows(set(song_ids))
            tracks = self._queries.removed_tracks(self._run_id)
            links = self._queries.count_removed_links(self._run_id)
            if self._store.shards is not None:
                compactor = Compactor(self._catalog, self._store.shards, self._run_id)
                obsolete = compactor.leave_out_removed(track_shards, link_shards)
            record_change(self._catalog, self._run_id, utc_now(), song_ids)
        finish_removals(self._catalog, self._store, self._files, self._run_id)
        moved = {track.shard_name for track in tracks}
        for shard in obsolete:
            if shard.name not in moved:
                self._store.delete(shard.name)
        if self._hooks:
            self.discard()
        size = sum(track.size for track in tracks)
        return RemovalCounts(songs, len(tracks), size, kept, links, reversible=not self._hooks)

    def discard(self) -> int:
        """Delete for good what earlier removals have removed. Return how many songs that were."""
        finish_removals(self._catalog, self._store, self._files, self._run_id)
        with self._catalog.exclusive(self._run_id) as exclusive:
            if not exclusive:
                raise StoreError(RUN_ACTIVE)
            count = self._queries.discard()
        self._files.delete_all()
        return count

    def _remove_rows(self, song_ids: set[int]) -> tuple[int, int, set[int]]:
        """Remove the rows of songs and tracks, unless hooks keep some.

        Returns:
            How many songs were removed and how many are kept, and the ids of shards that hold removed tracks.
        """
        kept = 0
        while True:
            savepoint = self._catalog.connection.begin_nested() if self._hooks else None
            digests = self._queries.song_digests(song_ids) if self._hooks else []
            count = self._queries.remove_songs(self._run_id, song_ids)
            track_shards = self._queries.remove_unlinked_tracks(self._run_id)
            blocked = self._songs_that_hooks_keep(digests)
            if savepoint is None:
                return count, kept, track_shards
            if not blocked:
                savepoint.commit()
                return count, kept, track_shards
            savepoint.rollback()
            song_ids = song_ids - blocked
            kept += len(blocked)

    def _songs_that_hooks_keep(self, song_digests: Sequence[bytes]) -> set[int]:
        """Let hooks remove their rows of removed songs, and return the ids of songs that have to stay."""
        tracks = self._queries.removed_tracks(self._run_id) if self._hooks else []
        address = self._catalog.worker_commit_address
        schema = None if address is None else address.schema
        transaction = BatchTransaction(self._catalog.connection, schema, self._run_id)
        kept: set[bytes] = set()
        for hook in self._hooks:
            kept.update(
                hook.before_removal(transaction, song_digests, [track.place.digest for track in tracks])
            )
        return self._queries.songs_with_tracks(self._run_id, kept)


def finish_removals(catalog: Catalog, store: TrackStore, files: RemovedFiles, run_id: int | None) -> None:
    """Move the files of removed tracks that are still in the store to the folder of removed files.

    While another run is active, nothing is moved: it may be about to put the same tracks.

    Raises:
        StoreError: a file cannot be moved.
    """
    queries = RemovalQueries(catalog)
    with catalog.exclusive(run_id) as exclusive:
        removed = queries.removed_tracks() if exclusive else []
        known_tracks = queries.known_digests(track.place.digest for track in removed)
        known_shards = ShardIndex(catalog).shard_names() if removed else set()
        for path in _paths_of(store, removed, known_tracks) - known_shards:
            files.take(path)
        files.flush()


def _paths_of(store: TrackStore, tracks: Iterable[RemovedTrack], known: Collection[bytes]) -> set[str]:
    """Return the paths of the files that hold removed tracks, without tracks that are there again."""
    paths: set[str] = set()
    for track in tracks:
        if track.shard_name is not None:
            paths.add(track.shard_name)
        elif track.place.digest not in known:
            path = store.path_of(TrackLocation(*track.place))
            if path is not None:
                paths.add(path)
    return paths
