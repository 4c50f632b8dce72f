"""Checking a result in shards: every shard is as it was written, every track and link in its place there."""

import os
from collections.abc import Callable, Sequence

from midiprism.catalog import Address, Audit, Catalog, Scope, TrackFile
from midiprism.catalog.shards import KnownShard, ShardIndex, ShardTrack
from midiprism.errors import StoreError
from midiprism.run.findings import Damage, Finds, Listener
from midiprism.run.settling import link_row
from midiprism.run.songs import is_told
from midiprism.run.verify import Check
from midiprism.store import Look
from midiprism.store.columns import LinkRow
from midiprism.store.parquet import LINKS, SONGS, TRACKS, ParquetStore

_EXPLAINED = {
    "size": "It has {size:,} bytes instead of {wanted:,}.",
    "content": "Its bytes are not those that were written.",
    "rows": "Its rows are not those that the catalogue has.",
}


class ShardCheck(Check):
    """See ``Check``.

    Attributes:
        broken: shards of tracks that are to be written anew.
        links: shards of links that are to be.
    """

    def __init__(
        self,
        out: str,
        address: Address,
        scope: Scope,
        stop: Callable[[], bool],
        listener: Listener | None,
        shards: ParquetStore,
    ) -> None:
        super().__init__(out, address, scope, stop, listener)
        self._shards = shards
        self.broken: list[KnownShard] = []
        self.links: list[KnownShard] = []

    def all(self, catalog: Catalog, since: str | None = None, finds: Finds | None = None) -> None:
        self._index = ShardIndex(catalog)
        super().all(catalog, since, finds)

    def _tracks(self, audit: Audit, finds: Finds | None) -> None:
        """Every shard of tracks is whole, and every track in its place there."""
        total = audit.count_tracks()
        for shard in self._in_scope(TRACKS.folder):
            if self._stop():
                return
            tracks = self._index.tracks(shard.id)
            look = self._shards.look(shard.name)
            kind = state_of(shard, look)
            found = self._digests(shard, tracks, look, whole=kind is None)
            readable = set(found)
            lost = [track.id for track in tracks if track.digest not in readable]
            if kind is None and not _placed(tracks, found):
                kind = "rows"
            self.found.tracks += len(tracks)
            self.found.bytes += look.size
            if kind is not None:
                self._tell(shard, look, kind, f" {len(lost):,} of its {len(tracks):,} tracks cannot be read.")
                self.broken.append(shard)
                if finds:
                    finds.note_files(lost)
            self.report("tracks", self.found.tracks, max(total, self.found.tracks))
        if not self.found.scope.sampled and self.found.scope.first_run is None:
            self._placeless(finds)

    def _placeless(self, finds: Finds | None) -> None:
        tracks = self._index.placeless()
        for track in tracks:
            self.found.tracks += 1
            self.found.add(Damage("place", track_name(track.digest), "No Parquet file holds it."))
        if finds:
            finds.note_files(track.id for track in tracks)

    def _files(self, audit: Audit) -> None:
        """Every shard has its row in the catalogue."""
        del audit
        if self.found.scope.first_run is not None:
            return
        known = self._index.names()
        strays = self._shards.strays(known)
        self.found.files = len(list(self._shards.walk())) + sum(
            name not in known for name in strays if "/." in name
        )
        for name in strays:
            kind = "temporary" if "/." in name else "orphan"
            message = (
                "An interrupted run left it behind." if kind == "temporary" else "No commit speaks of it."
            )
            self.found.add(Damage(kind, os.fsencode(name), message))

    def _tables(self, catalog: Catalog) -> None:
        """Links in shards, and the table of songs, are those of the catalogue."""
        for shard in self._in_scope(LINKS.folder):
            if self._stop():
                return
            look = self._shards.look(shard.name)
            kind = state_of(shard, look)
            if kind is not None:
                self._tell(shard, look, kind)
                self.links.append(shard)
            elif shard.stale or not self._agrees(shard):
                message = "Its links are not those that the catalogue has."
                self.found.add(Damage("shard_links", os.fsencode(shard.name), message))
                self.links.append(shard)
        if self.found.scope.sampled or self.found.scope.first_run is not None:
            return
        for number in self._index.homeless():
            message = "No Parquet file holds its links."
            self.found.add(Damage("homeless", f"song {number}".encode(), message))
        self._songs_table(catalog)

    def _songs_table(self, catalog: Catalog) -> None:
        message = "It is not that of the last commit."
        try:
            count = self._shards.count_songs()
            if is_told(catalog, self._shards) and count == self._index.count_songs():
                return
        except StoreError as error:
            message = str(error)
        self.found.add(Damage("songs", SONGS.encode(), message))

    def _agrees(self, shard: KnownShard) -> bool:
        """Whether the links in a shard are those of the catalogue."""
        try:
            there = [LinkRow._make(row) for row in self._shards.rows(shard.name)]
        except StoreError:
            return False
        wanted = (link_row(link) for link in self._index.links(self._index.songs(shard.id)))
        return sorted(map(repr, there)) == sorted(map(repr, wanted))

    def _digests(
        self, shard: KnownShard, tracks: Sequence[ShardTrack], look: Look, *, whole: bool
    ) -> list[bytes]:
        """The digests of the contents that can be read; of a whole shard in the order of its rows."""
        try:
            if whole:
                return self._shards.digests(shard.name)
            if look.state == "file" and tracks:
                return [it.digest for it in self._shards.contents(shard.name) if it.data is not None]
        except StoreError:
            pass
        return []

    def _tell(self, shard: KnownShard, look: Look, kind: str, more: str = "") -> None:
        message = look.why or _EXPLAINED[kind].format(size=look.size, wanted=shard.size)
        self.found.add(Damage("shard", os.fsencode(shard.name), message + more))

    def _in_scope(self, folder: str) -> list[KnownShard]:
        """The shards of a kind that are to be looked at: of a sample, a share of them."""
        scope = self.found.scope
        known = [shard for shard in self._index.all() if shard.name.startswith(f"{folder}/")]
        if scope.first_run is not None:
            return [shard for shard in known if shard.run_id >= scope.first_run]
        if not known:
            return []
        ends = scope.stretches(0, len(known) - 1)
        return [shard for low, high in ends for shard in known[low : high + 1]]

    def _name(self, track: TrackFile) -> bytes:
        return track_name(track.digest)


def state_of(shard: KnownShard, look: Look) -> str | None:
    """The kind of damage that a look found; None where the file is as it was written."""
    if look.state != "file":
        return look.state
    if look.size != shard.size:
        return "size"
    return None if look.digest == shard.digest else "content"


def _placed(tracks: Sequence[ShardTrack], digests: Sequence[bytes]) -> bool:
    """Whether tracks lie in the rows that they should, and nothing else does."""
    rows = [(row, digest) for row, digest in enumerate(digests)]
    return [(track.row, track.digest) for track in tracks] == rows


def track_name(digest: bytes) -> bytes:
    """What a track is called that is no file."""
    return f"track {digest.hex()}".encode()
