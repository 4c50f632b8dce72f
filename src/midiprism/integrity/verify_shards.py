"""Checks the shards of a result: each is as it was written, and every track and link is in its place."""

import os
from collections.abc import Sequence

from midiprism.catalog.queries.shards import KnownShard, ShardIndex, ShardTrack
from midiprism.errors import StoreError
from midiprism.integrity.check_context import CheckContext
from midiprism.integrity.damage_report import Damage
from midiprism.results.songs_table import is_current
from midiprism.stores import FileStatus, ShardedTracks
from midiprism.stores.parquet.schema import ParquetLink
from midiprism.stores.sharded import LINKS_FOLDER, SONGS_TABLE, TRACKS_FOLDER

_MESSAGES = {
    "size": "It has {size:,} bytes instead of {expected:,}.",
    "content": "Its bytes are not those that were written.",
    "rows": "Its rows are not those that the catalog has.",
}


class ShardChecks:
    """The checks of one result in shards.

    Attributes:
        damaged_track_shards: shards of tracks that are to be rewritten.
        damaged_link_shards: shards of links that are to be rewritten.
    """

    def __init__(self, context: CheckContext, shards: ShardedTracks) -> None:
        self._context = context
        self._shards = shards
        self._index = ShardIndex(context.catalog)
        self.damaged_track_shards: list[KnownShard] = []
        self.damaged_link_shards: list[KnownShard] = []

    def check_tracks(self) -> None:
        """Check that every shard of tracks is whole, and every track in its place there."""
        report = self._context.report
        total = self._context.queries.count_tracks()
        for shard in self._shards_in_scope(TRACKS_FOLDER):
            if self._context.stop():
                return
            self._check_track_shard(shard)
            self._context.report_progress("tracks", report.tracks, max(total, report.tracks))
        if not report.scope.is_sample and report.scope.first_run is None:
            self._check_tracks_without_shard()

    def check_derived(self) -> None:
        """Check that shards of links, and the table of songs, agree with the catalog."""
        report = self._context.report
        for shard in self._shards_in_scope(LINKS_FOLDER):
            if self._context.stop():
                return
            status = self._shards.shard_status(shard.name)
            kind = _damage_kind(shard, status)
            if kind is not None:
                self._add_shard_damage(shard, status, kind)
                self.damaged_link_shards.append(shard)
            elif shard.stale or not self._links_match_catalog(shard):
                message = "Its links are not those that the catalog has."
                report.add(Damage("shard_links", os.fsencode(shard.name), message))
                self.damaged_link_shards.append(shard)
        if report.scope.is_sample or report.scope.first_run is not None:
            return
        for song_id in self._index.songs_without_shard():
            message = "No shard holds its links."
            report.add(Damage("links_without_shard", f"song {song_id}".encode(), message))
        self._check_songs_table()

    def _check_track_shard(self, shard: KnownShard) -> None:
        report, sink = self._context.report, self._context.sink
        tracks = self._index.tracks_in(shard.id)
        status = self._shards.shard_status(shard.name)
        kind = _damage_kind(shard, status)
        digests = self._readable_digests(shard, tracks, status, is_whole=kind is None)
        readable = set(digests)
        lost_ids = [track.id for track in tracks if track.digest not in readable]
        if kind is None and not _rows_match(tracks, digests):
            kind = "rows"
        report.count(tracks=len(tracks))
        report.count(bytes=status.size)
        if kind is not None:
            detail = f" {len(lost_ids):,} of its {len(tracks):,} tracks cannot be read."
            self._add_shard_damage(shard, status, kind, detail)
            self.damaged_track_shards.append(shard)
            if sink:
                sink.add_damaged_tracks(lost_ids)

    def _check_tracks_without_shard(self) -> None:
        report, sink = self._context.report, self._context.sink
        tracks = self._index.tracks_without_shard()
        for track in tracks:
            report.count(tracks=1)
            label = f"track {track.digest.hex()}".encode()
            report.add(Damage("track_without_shard", label, "No shard holds it."))
        if sink:
            sink.add_damaged_tracks(track.id for track in tracks)

    def _check_songs_table(self) -> None:
        message = "It is not that of the last commit."
        try:
            count = self._shards.count_songs_table_rows()
            if is_current(self._context.catalog, self._shards) and count == self._index.count_songs():
                return
        except StoreError as error:
            message = str(error)
        self._context.report.add(Damage("songs_table", SONGS_TABLE.encode(), message))

    def _links_match_catalog(self, shard: KnownShard) -> bool:
        """Return whether the links in a shard are those of the catalog."""
        try:
            rows = [ParquetLink._make(row) for row in self._shards.rows(shard.name)]
        except StoreError:
            return False
        expected = (link.row for link in self._index.links_of(self._index.songs_in(shard.id)))
        return sorted(map(repr, rows)) == sorted(map(repr, expected))

    def _readable_digests(
        self, shard: KnownShard, tracks: Sequence[ShardTrack], status: FileStatus, *, is_whole: bool
    ) -> list[bytes]:
        """Return the digests of the tracks that can be read; of a whole shard in the order of its rows."""
        try:
            if is_whole:
                return self._shards.digests(shard.name)
            if status.state == "present" and tracks:
                checked = self._shards.checked_tracks(shard.name)
                return [track.digest for track in checked if track.data is not None]
        except StoreError:
            pass
        return []

    def _add_shard_damage(self, shard: KnownShard, status: FileStatus, kind: str, detail: str = "") -> None:
        message = status.reason or _MESSAGES[kind].format(size=status.size, expected=shard.size)
        self._context.report.add(Damage("shard", os.fsencode(shard.name), message + detail))

    def _shards_in_scope(self, folder: str) -> list[KnownShard]:
        """Return the shards in a folder that are to be checked: of a sample, a share of them."""
        scope = self._context.report.scope
        shards = [shard for shard in self._index.all_shards() if shard.name.startswith(f"{folder}/")]
        if scope.first_run is not None:
            return [shard for shard in shards if shard.run_id >= scope.first_run]
        if not shards:
            return []
        ranges = scope.ranges(0, len(shards) - 1)
        return [shard for first, last in ranges for shard in shards[first : last + 1]]


def _damage_kind(shard: KnownShard, status: FileStatus) -> str | None:
    """Return what is wrong with the file of a shard; None if it is as it was written."""
    if status.state != "present":
        return status.state
    if status.size != shard.size:
        return "size"
    return None if status.digest == shard.digest else "content"


def _rows_match(tracks: Sequence[ShardTrack], digests: Sequence[bytes]) -> bool:
    """Return whether a shard has exactly these tracks, each in its row."""
    return [(track.row, track.digest) for track in tracks] == list(enumerate(digests))
