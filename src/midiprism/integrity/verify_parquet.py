"""Checking a result in shards: every shard is as it was written, every track and link in its place there."""

import os
from collections.abc import Callable, Sequence

from midiprism.catalog import Address, Catalog, IntegrityQueries, TrackFile, VerifyScope
from midiprism.catalog.queries.shards import KnownShard, ShardIndex, ShardTrack
from midiprism.errors import StoreError
from midiprism.integrity.damage_report import Damage, RepairSink, VerifyListener
from midiprism.integrity.verify import Verifier
from midiprism.results.songs_table import is_current
from midiprism.stores import FileStatus
from midiprism.stores.parquet.schema import ParquetLink
from midiprism.stores.parquet.store import LINK_SHARDS, SONGS_TABLE, TRACK_SHARDS, ParquetStore

_MESSAGES = {
    "size": "It has {size:,} bytes instead of {wanted:,}.",
    "content": "Its bytes are not those that were written.",
    "rows": "Its rows are not those that the catalogue has.",
}


class ParquetVerifier(Verifier):
    """See ``Verifier``.

    Attributes:
        broken: shards of tracks that are to be written anew.
        links: shards of links that are to be.
    """

    def __init__(
        self,
        out: str,
        address: Address,
        scope: VerifyScope,
        stop: Callable[[], bool],
        listener: VerifyListener | None,
        shards: ParquetStore,
    ) -> None:
        super().__init__(out, address, scope, stop, listener)
        self._shards = shards
        self.damaged_track_shards: list[KnownShard] = []
        self.damaged_link_shards: list[KnownShard] = []

    def verify(
        self, catalog: Catalog, since: str | None = None, repair_sink: RepairSink | None = None
    ) -> None:
        self._index = ShardIndex(catalog)
        super().verify(catalog, since, repair_sink)

    def _check_tracks(self, audit: IntegrityQueries, repair_sink: RepairSink | None) -> None:
        """Every shard of tracks is whole, and every track in its place there."""
        total = audit.count_tracks()
        for shard in self._shards_in_scope(TRACK_SHARDS.folder):
            if self._stop():
                return
            tracks = self._index.tracks_in(shard.id)
            look = self._shards.status_of(shard.name)
            kind = shard_damage_kind(shard, look)
            found = self._readable_digests(shard, tracks, look, is_intact=kind is None)
            readable = set(found)
            lost = [track.id for track in tracks if track.digest not in readable]
            if kind is None and not _rows_match(tracks, found):
                kind = "rows"
            self.damage_report.tracks += len(tracks)
            self.damage_report.bytes += look.size
            if kind is not None:
                self._add_shard_damage(
                    shard, look, kind, f" {len(lost):,} of its {len(tracks):,} tracks cannot be read."
                )
                self.damaged_track_shards.append(shard)
                if repair_sink:
                    repair_sink.add_damaged_tracks(lost)
            self.report_progress("tracks", self.damage_report.tracks, max(total, self.damage_report.tracks))
        if not self.damage_report.scope.is_sample and self.damage_report.scope.first_run is None:
            self._check_tracks_without_shard(repair_sink)

    def _check_tracks_without_shard(self, repair_sink: RepairSink | None) -> None:
        tracks = self._index.tracks_without_shard()
        for track in tracks:
            self.damage_report.tracks += 1
            self.damage_report.add(Damage("place", track_label(track.digest), "No Parquet file holds it."))
        if repair_sink:
            repair_sink.add_damaged_tracks(track.id for track in tracks)

    def _check_orphans(self, audit: IntegrityQueries) -> None:
        """Every shard has its row in the catalogue."""
        del audit
        if self.damage_report.scope.first_run is not None:
            return
        known = self._index.shard_names()
        strays = self._shards.find_orphans(known)
        self.damage_report.files = len(list(self._shards.walk())) + sum(
            name not in known for name in strays if "/." in name
        )
        for name in strays:
            kind = "temporary" if "/." in name else "orphan"
            message = (
                "An interrupted run left it behind." if kind == "temporary" else "No commit speaks of it."
            )
            self.damage_report.add(Damage(kind, os.fsencode(name), message))

    def _check_derived_tables(self, catalog: Catalog) -> None:
        """Links in shards, and the table of songs, are those of the catalogue."""
        for shard in self._shards_in_scope(LINK_SHARDS.folder):
            if self._stop():
                return
            look = self._shards.status_of(shard.name)
            kind = shard_damage_kind(shard, look)
            if kind is not None:
                self._add_shard_damage(shard, look, kind)
                self.damaged_link_shards.append(shard)
            elif shard.stale or not self._links_match_catalog(shard):
                message = "Its links are not those that the catalogue has."
                self.damage_report.add(Damage("shard_links", os.fsencode(shard.name), message))
                self.damaged_link_shards.append(shard)
        if self.damage_report.scope.is_sample or self.damage_report.scope.first_run is not None:
            return
        for number in self._index.songs_without_shard():
            message = "No Parquet file holds its links."
            self.damage_report.add(Damage("homeless", f"song {number}".encode(), message))
        self._check_songs_table(catalog)

    def _check_songs_table(self, catalog: Catalog) -> None:
        message = "It is not that of the last commit."
        try:
            count = self._shards.count_songs_table_rows()
            if is_current(catalog, self._shards) and count == self._index.count_songs():
                return
        except StoreError as error:
            message = str(error)
        self.damage_report.add(Damage("songs", SONGS_TABLE.encode(), message))

    def _links_match_catalog(self, shard: KnownShard) -> bool:
        """Whether the links in a shard are those of the catalogue."""
        try:
            there = [ParquetLink._make(row) for row in self._shards.rows(shard.name)]
        except StoreError:
            return False
        wanted = (link.row for link in self._index.links_of(self._index.songs_in(shard.id)))
        return sorted(map(repr, there)) == sorted(map(repr, wanted))

    def _readable_digests(
        self, shard: KnownShard, tracks: Sequence[ShardTrack], status: FileStatus, *, is_intact: bool
    ) -> list[bytes]:
        """The digests of the contents that can be read; of a whole shard in the order of its rows."""
        try:
            if is_intact:
                return self._shards.digests(shard.name)
            if status.state == "file" and tracks:
                return [it.digest for it in self._shards.checked_tracks(shard.name) if it.data is not None]
        except StoreError:
            pass
        return []

    def _add_shard_damage(self, shard: KnownShard, status: FileStatus, kind: str, detail: str = "") -> None:
        message = status.reason or _MESSAGES[kind].format(size=status.size, wanted=shard.size)
        self.damage_report.add(Damage("shard", os.fsencode(shard.name), message + detail))

    def _shards_in_scope(self, folder: str) -> list[KnownShard]:
        """The shards of a kind that are to be looked at: of a sample, a share of them."""
        scope = self.damage_report.scope
        known = [shard for shard in self._index.all_shards() if shard.name.startswith(f"{folder}/")]
        if scope.first_run is not None:
            return [shard for shard in known if shard.run_id >= scope.first_run]
        if not known:
            return []
        ends = scope.ranges(0, len(known) - 1)
        return [shard for low, high in ends for shard in known[low : high + 1]]

    def _display_name(self, track: TrackFile) -> bytes:
        return track_label(track.digest)


def shard_damage_kind(shard: KnownShard, status: FileStatus) -> str | None:
    """The kind of damage that a look found; None where the file is as it was written."""
    if status.state != "file":
        return status.state
    if status.size != shard.size:
        return "size"
    return None if status.digest == shard.digest else "content"


def _rows_match(tracks: Sequence[ShardTrack], digests: Sequence[bytes]) -> bool:
    """Whether tracks lie in the rows that they should, and nothing else does."""
    rows = [(row, digest) for row, digest in enumerate(digests)]
    return [(track.row, track.digest) for track in tracks] == rows


def track_label(digest: bytes) -> bytes:
    """What a track is called that is no file."""
    return f"track {digest.hex()}".encode()
