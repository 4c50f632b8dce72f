"""Puts back the songs that the last removal has removed."""

import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass

from blake3 import blake3

from midiprism.catalog import PostgresAddress, utc_now
from midiprism.catalog.queries.gone_songs import record_change
from midiprism.catalog.queries.removal import RemovalQueries, RemovedTrack
from midiprism.errors import StoreError, UsageError
from midiprism.removal.forget import WritableResult, open_for_removal, removal_run
from midiprism.results.compaction import Compactor
from midiprism.results.removal import RUN_ACTIVE
from midiprism.results.removed_files import RemovedFiles
from midiprism.results.result_dir import marker_facts, require_result
from midiprism.stores import ShardedTracks, TrackLocation, open_store
from midiprism.stores.parquet.schema import ParquetTrack


@dataclass(frozen=True, slots=True)
class RestoredCounts:
    """The result of an undo.

    Attributes:
        songs: that were put back.
        tracks: that were put back with them.
        songs_lost: songs of which a track is not there any more.
        bytes: of the tracks.
    """

    songs: int = 0
    tracks: int = 0
    songs_lost: int = 0
    bytes: int = 0


def undo_removal(out: str, database: PostgresAddress | None = None) -> RestoredCounts:
    """Put back the songs that the last removal removed, unless their content was split again since.

    Args:
        out: folder of the result.
        database: where the catalog is; None for a file in the result.

    Raises:
        UsageError: ``out`` holds no result, or there is nothing to undo.
        StoreError: another process writes to it, or it cannot be written.
        CatalogError: the catalog cannot be written.
    """
    require_result(out)
    if "adopted" in marker_facts(out):
        raise UsageError(
            f"{out} belongs to an adopted library, where removals cannot be undone: split again what it "
            "lists."
        )
    with open_for_removal(out, database) as result:
        queries = RemovalQueries(result.catalog)
        removal_id = result.catalog.run_in_transaction(queries.last_removal)
        if removal_id is None:
            raise UsageError(f"There is nothing to undo in {out}: no removal is left that can be undone.")
        with removal_run(out, result, "undo") as run:
            return _Undo(out, result, removal_id, run.id).run()


class _Undo:
    """Undoes one removal.

    Args:
        out: folder of the result.
        result: open for writing.
        removal_id: the run that removed the songs.
        run_id: the run that puts them back.
    """

    def __init__(self, out: str, result: WritableResult, removal_id: int, run_id: int) -> None:
        self._catalog = result.catalog
        self._store = result.opened.store
        self._kind = result.opened.identity.store
        self._files = RemovedFiles(out)
        self._queries = RemovalQueries(result.catalog)
        self._removal_id = removal_id
        self._run_id = run_id
        self._rows_found: dict[int, ParquetTrack] = {}

    def run(self) -> RestoredCounts:
        """Do it in one transaction; files that it has moved before count once it is committed."""
        queries = self._queries
        with self._catalog.exclusive(self._run_id) as exclusive:
            if not exclusive:
                raise StoreError(RUN_ACTIVE)
            track_ids = queries.restorable_songs(self._removal_id)
            removed = {track.id: track for track in queries.removed_tracks()}
            wanted = {track_id for ids in track_ids.values() for track_id in ids}
            digests = {removed[track_id].place.digest for track_id in wanted & removed.keys()}
            known = queries.known_digests(digests)
            again = {it for it in wanted & removed.keys() if removed[it].place.digest in known}
            there = again | queries.existing_tracks(wanted - again)
            readable = self._find_tracks([removed[it] for it in (wanted & removed.keys()) - there])
            whole = {song_id for song_id, ids in track_ids.items() if ids <= there | readable}
            restored = {it for song_id in whole for it in track_ids[song_id]} - there
            self._restore(whole, {it: removed[it] for it in restored})
            queries.discard_songs(self._removal_id)
            record_change(self._catalog, self._run_id, utc_now(), whole)
        if self._store.shards is not None:
            self._delete_unneeded_shards()
        size = sum(removed[it].size for it in restored)
        return RestoredCounts(len(whole), len(restored), len(track_ids) - len(whole), size)

    def _delete_unneeded_shards(self) -> None:
        """Delete the files of removed shards that hold no track any more that can be put back."""
        left = self._catalog.run_in_transaction(self._queries.removed_tracks)
        self._files.delete_others({track.shard_name for track in left if track.shard_name is not None})

    def _restore(self, song_ids: Collection[int], tracks: Mapping[int, RemovedTrack]) -> None:
        """Put back songs and tracks."""
        self._queries.restore_tracks(tracks)
        if self._store.shards is None:
            for track in tracks.values():
                place = TrackLocation(*track.place)
                if self._store.status_of(place).digest != place.digest:  # else it never left
                    self._files.put_back(self._path_of(track))
            self._files.flush()
            self._store.flush()
            self._queries.restore_songs(self._removal_id, song_ids)
            return
        compactor = Compactor(self._catalog, self._store.shards, self._run_id)
        self._queries.restore_songs(self._removal_id, song_ids)
        if tracks:
            compactor.write_tracks_in_transaction({it: self._rows_found[it] for it in tracks})
        with compactor.writing_links(sorted(song_ids)):
            pass

    def _find_tracks(self, tracks: Collection[RemovedTrack]) -> set[int]:
        """Return the ids of those removed tracks whose bytes are there, whole."""
        if self._store.shards is not None:
            self._rows_found = self._rows(tracks)
            return set(self._rows_found)
        with closing(open_store(self._kind, self._files.folder)) as removed_store:
            places = {track.id: TrackLocation(*track.place) for track in tracks}
            return {
                track_id
                for track_id, place in places.items()
                if any(
                    store.status_of(place).digest == place.digest for store in (removed_store, self._store)
                )
            }

    def _rows(self, tracks: Collection[RemovedTrack]) -> dict[int, ParquetTrack]:
        """Return the rows of removed tracks, by track id, from the shards that held them."""
        rows: dict[int, ParquetTrack] = {}
        by_shard: dict[str, dict[int, RemovedTrack]] = {}
        for track in tracks:
            if track.shard_name is not None and track.shard_row is not None:
                by_shard.setdefault(track.shard_name, {})[track.shard_row] = track
        with ExitStack() as stack:
            shards = self._removed_shards(stack) if by_shard else None
            for name, tracks_by_row in by_shard.items() if shards is not None else ():
                if not os.path.isfile(os.path.join(self._files.folder, *name.split("/"))):
                    continue
                assert shards is not None
                for row, values in enumerate(shards.rows(name)):
                    found = tracks_by_row.get(row)
                    if found is not None:
                        track_row = ParquetTrack._make(values)
                        if blake3(track_row.music).digest() == found.place.digest:
                            rows[found.id] = track_row
        return rows

    def _removed_shards(self, stack: ExitStack) -> ShardedTracks | None:
        return stack.enter_context(closing(open_store(self._kind, self._files.folder))).shards

    def _path_of(self, track: RemovedTrack) -> str:
        path = self._store.path_of(TrackLocation(*track.place))
        assert path is not None
        return path
