"""How a result in shards is mended: what is lost comes from its songs, into new shards."""

import contextlib
import os
from collections.abc import Callable, Sequence

from midiprism.catalog import BatchRecord, ShardSink, TrackFile
from midiprism.catalog.queries.shards import KnownShard, ShardIndex
from midiprism.errors import StoreError
from midiprism.integrity.damage_report import MAX_EXAMPLES
from midiprism.integrity.repair_files import BRING_BACK_HINT, KEPT_MESSAGE, MAX_SONGS_NAMED, Repairer
from midiprism.integrity.verify_parquet import ParquetVerifier, track_label
from midiprism.pipeline.open_result import parquet_store_of
from midiprism.pipeline.shard_writer import ShardWriter
from midiprism.results.compaction import Compactor
from midiprism.smf.types import SplitTrack
from midiprism.stores import FileStore, MemoryStore
from midiprism.stores.parquet.schema import ParquetTrack, track_row

_FLUSH_BYTES = 64 << 20


class ParquetRepairer(Repairer):
    """See ``Repairer``."""

    def _open_store(self, out: str) -> FileStore | MemoryStore:
        assert isinstance(self._verifier, ParquetVerifier)
        self._parquet_verifier = self._verifier
        self._shards = parquet_store_of(out, self._identity)
        self._index = ShardIndex(self._catalog)
        self._restored: dict[int, ParquetTrack] = {}
        self._restored_bytes = 0
        self._memory_store = MemoryStore(skip_taken=False)
        return self._memory_store

    def _steps(self) -> Sequence[Callable[[], None]]:
        return (
            self._restore_files,
            self._resplit_damaged_songs,
            self._resplit_lost_songs,
            self._drop_lost_links,
            self._restore_files,  # of songs whose links are back
            self._report_lost_files,
            self._remove_unlinked,
            self._rewrite_link_shards,
            self._remove_orphans,
            self._update_songs_table,
        )

    def _restore_track(self, track: TrackFile, split: SplitTrack) -> None:
        super()._restore_track(track, split)
        if not self._writes:
            return
        data = self._memory_store.take_pending()[track.digest]
        self._restored.update(self._track_rows({track.id: data}))
        self._restored_bytes += len(data)
        if self._restored_bytes >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._restored:
            self._compactor().write_tracks(self._restored)
            self._report.shards += 1
        self._restored, self._restored_bytes = {}, 0

    def _shard_sink(self, record: BatchRecord) -> ShardSink | None:
        return ShardWriter(self._shards, self._begin_run(), [record])

    def _report_lost_files(self) -> None:
        """Damaged shards are written anew, with what can be read of them; what is lost then is told of."""
        self._repair_queue.remove_unlinked_tracks()
        for shard in self._parquet_verifier.damaged_track_shards:
            if self._stop():
                return
            self._rewrite_shard(shard)
        for page in self._repair_queue.damaged_tracks():
            shown = page[: max(0, MAX_EXAMPLES - len(self._report.unrepaired))]
            songs = self._audit.song_paths_of([track.id for track in shown])
            for track in page:
                names = [os.fsdecode(song) for song in songs.get(track.id, ())[:MAX_SONGS_NAMED]]
                of = f" of {' or '.join(names)}" if names else ""
                message = f"No file with the bytes of its song{of} was found: {BRING_BACK_HINT}."
                self._report.add_unrepaired("place", track_label(track.digest), message)

    def _rewrite_shard(self, shard: KnownShard) -> None:
        look = self._shards.status_of(shard.name)
        if look.state == "unreadable" or self._has_missing_songs:
            message = look.reason if look.state == "unreadable" else KEPT_MESSAGE
            self._report.add_unrepaired("shard", os.fsencode(shard.name), message)
            return
        self._report.shards += 1
        if not self._writes:
            return
        numbers = {track.digest: track.id for track in self._index.tracks_in(shard.id)}
        found: dict[int, bytes] = {}
        with contextlib.suppress(StoreError):
            for it in self._shards.checked_tracks(shard.name) if numbers else ():
                if it.data is not None and it.digest in numbers:
                    found[numbers[it.digest]] = it.data
        settling, rows = self._compactor(), self._track_rows(found)
        with self._catalog.exclusive(self._begin_run()) as alone:
            if alone:
                settling.rewrite_track_shard(shard, rows)
        with contextlib.suppress(StoreError):  # then it is found among the strays, and told of there
            self._shards.remove(shard.name)

    def _track_rows(self, data_by_track: dict[int, bytes]) -> dict[int, ParquetTrack]:
        """Rows of tracks, by their numbers, of what the catalogue says of them, and of their bytes."""
        tracks = self._index.track_values(list(data_by_track))
        return {
            track_id: track_row(tracks[track_id]._replace(size=len(data)), data)
            for track_id, data in data_by_track.items()
        }

    def _delete_unlinked(self) -> int:
        return self._compactor().delete_unlinked()

    def _rewrite_link_shards(self) -> None:
        """Shards of links that are not what they should be are written anew from the catalogue."""
        wrong = {shard.id for shard in self._parquet_verifier.damaged_link_shards}
        if not self._writes:
            self._report.shards += len(wrong) + bool(
                self._parquet_verifier.damage_report.counts.get("homeless")
            )
            return
        for shard in self._index.all_shards():
            if shard.stale or shard.id in wrong:
                self._compactor().rewrite_link_shard(shard)
                self._report.shards += 1
        homeless = self._index.songs_without_shard()
        if homeless:
            self._compactor().write_missing_links(homeless)
            self._report.shards += 1

    def _remove_orphans(self) -> None:
        """Shards of which no commit speaks, and temporary files."""
        if self._parquet_verifier.damage_report.files is None:
            return
        for name in self._shards.find_orphans(self._index.shard_names()):
            temporary = name.rpartition("/")[2].startswith(".")
            if self._has_missing_songs and not temporary:
                self._report.add_unrepaired("orphan", os.fsencode(name), KEPT_MESSAGE)
                continue
            try:
                if self._writes:
                    self._shards.force_remove(name)
            except StoreError as error:
                self._report.add_unrepaired("orphan", os.fsencode(name), str(error))
                continue
            if temporary:
                self._report.temporaries += 1
            else:
                self._report.orphans += 1

    def _update_songs_table(self) -> None:
        if self._writes:
            wrong = bool(self._parquet_verifier.damage_report.counts.get("songs"))
            Compactor(self._catalog, self._shards, self._report.run_id).update_songs_table(force=wrong)

    def _compactor(self) -> Compactor:
        return Compactor(self._catalog, self._shards, self._begin_run())
