"""Repairs a result in shards: what is lost comes from its songs, and goes into new shards."""

import contextlib
import os
from collections.abc import Sequence

from midiprism.catalog import TrackFile
from midiprism.catalog.queries.shards import KnownShard, ShardIndex
from midiprism.errors import StoreError
from midiprism.integrity.repair_session import KEPT_MESSAGE, RepairSession
from midiprism.integrity.repair_tracks import put_track
from midiprism.integrity.verify_shards import ShardChecks
from midiprism.results.compaction import Compactor
from midiprism.smf.types import SplitTrack
from midiprism.stores import ShardedTracks
from midiprism.stores.parquet.schema import ParquetTrack, track_row

_FLUSH_BYTES = 64 << 20


class ShardRepair:
    """See ``StoreRepair``.

    Args:
        session: the repair.
        shards: of the result.
        checks: what they found.
    """

    lost_kind = "track_without_shard"

    def __init__(self, session: RepairSession, shards: ShardedTracks, checks: ShardChecks) -> None:
        self._session = session
        self._shards = shards
        self._checks = checks
        self._index = ShardIndex(session.catalog)
        self._restored: dict[int, ParquetTrack] = {}
        self._restored_bytes = 0

    def restore(self, track: TrackFile, split: SplitTrack) -> None:
        put_track(self._session, track, split)
        data = self._session.store.take_pending()[track.digest]
        self._restored.update(self._track_rows({track.id: data}))
        self._restored_bytes += len(data)
        if self._restored_bytes >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._restored:
            self._compactor().write_tracks(self._restored)
            self._session.report.count(shards=1)
        self._restored, self._restored_bytes = {}, 0

    def rewrite_damaged(self) -> None:
        """Rewrite damaged shards of tracks with what can be read of them."""
        for shard in self._checks.damaged_track_shards:
            if self._session.stop():
                return
            self._rewrite_track_shard(shard)

    def still_damaged(self, tracks: Sequence[TrackFile]) -> Sequence[TrackFile]:
        return tracks

    def delete_unlinked(self) -> int:
        return self._compactor().delete_unlinked()

    def update_derived(self) -> None:
        """Rewrite shards of links that are damaged or out of date, and then the table of songs."""
        session, counts = self._session, self._session.damage_report.counts
        damaged_ids = {shard.id for shard in self._checks.damaged_link_shards}
        if not session.writes:
            session.report.count(shards=len(damaged_ids) + bool(counts.get("links_without_shard")))
            return
        for shard in self._index.all_shards():
            if shard.stale or shard.id in damaged_ids:
                self._compactor().rewrite_link_shard(shard)
                session.report.count(shards=1)
        song_ids = self._index.songs_without_shard()
        if song_ids:
            self._compactor().write_missing_links(song_ids)
            session.report.count(shards=1)
        compactor = Compactor(session.catalog, self._shards, session.report.run_id)
        compactor.update_songs_table(force=bool(counts.get("songs_table")))

    def _rewrite_track_shard(self, shard: KnownShard) -> None:
        session = self._session
        status = self._shards.shard_status(shard.name)
        if status.state == "unreadable" or session.has_missing_songs:
            message = status.reason if status.state == "unreadable" else KEPT_MESSAGE
            session.report.add_unrepaired("shard", os.fsencode(shard.name), message)
            return
        session.report.count(shards=1)
        if not session.writes:
            return
        ids_by_digest = {track.digest: track.id for track in self._index.tracks_in(shard.id)}
        data_by_id: dict[int, bytes] = {}
        with contextlib.suppress(StoreError):
            for track in self._shards.checked_tracks(shard.name) if ids_by_digest else ():
                if track.data is not None and track.digest in ids_by_digest:
                    data_by_id[ids_by_digest[track.digest]] = track.data
        compactor, rows = self._compactor(), self._track_rows(data_by_id)
        with session.catalog.exclusive(session.begin_run()) as exclusive:
            if exclusive:
                compactor.rewrite_track_shard(shard, rows)
        with contextlib.suppress(StoreError):  # then it is reported with the orphans
            self._shards.remove(shard.name)

    def _track_rows(self, data_by_id: dict[int, bytes]) -> dict[int, ParquetTrack]:
        """Return rows of a shard, by track id, from the rows of the catalog and the tracks' bytes."""
        tracks = self._index.track_values(list(data_by_id))
        return {
            track_id: track_row(tracks[track_id]._replace(size=len(data)), data)
            for track_id, data in data_by_id.items()
        }

    def _compactor(self) -> Compactor:
        return Compactor(self._session.catalog, self._shards, self._session.begin_run())
