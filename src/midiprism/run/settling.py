"""What is to be done in a result in shards before the first commit and after the last.

Shards never change. What is out of date in one is left out of a new one that takes its place: that is durable
before the one transaction in which everything moves to it, and the old file is removed afterwards.
"""

import contextlib
import secrets
from collections.abc import Iterator, Sequence

from blake3 import blake3

from midiprism.catalog import Catalog, Shard, read_catalog
from midiprism.catalog.shards import KnownShard, ShardIndex, ShardLink
from midiprism.errors import MidiprismError, StoreError
from midiprism.run.songs import below_source, is_told, write_songs
from midiprism.store.columns import LinkRow, TrackRow
from midiprism.store.parquet import ParquetStore
from midiprism.store.shards import Shard as WrittenShard


def sweep(catalog: Catalog, shards: ParquetStore) -> list[str]:
    """Remove shards of which no commit speaks, and temporary files; their names.

    Only while nobody else holds the folder for writing: of another run's shard its commit may be about to
    speak.

    Raises:
        StoreError: something cannot be removed.
    """
    with catalog.alone(None) as alone:
        return shards.sweep(ShardIndex(catalog).names()) if alone else []


class Settling:
    """What a run does at its end, with nothing of its own to commit any more.

    While another run is on, nothing is done: that one will.

    Args:
        catalog: open for writing.
        shards: of its result.
        run_id: of the run; None where it had nothing to record.
    """

    def __init__(self, catalog: Catalog, shards: ParquetStore, run_id: int | None) -> None:
        self._catalog = catalog
        self._index = ShardIndex(catalog)
        self._shards = shards
        self._run_id = run_id

    def all(self, *, replaced: bool) -> None:
        """Do all of it.

        Args:
            replaced: whether songs were split again, so that there may be tracks that none has any more.

        Raises:
            StoreError: a shard cannot be read or written.
        """
        if replaced:
            self.forget_unlinked()
        self.renew_links()
        self.tell_songs()

    def forget_unlinked(self) -> int:
        """Tracks that no song has any more leave the catalogue and their shards; how many.

        Raises:
            StoreError: a shard cannot be read or written.
        """
        with self._catalog.alone(self._run_id) as alone:
            unlinked = self._index.unlinked() if alone else {}
        known = {shard.id: shard for shard in self._index.all()} if unlinked else {}
        return sum(self._without(known[shard], set(gone)) for shard, gone in unlinked.items())

    def renew_links(self) -> None:
        """Shards with links of songs that were split again are written anew.

        Raises:
            StoreError: a shard cannot be written.
        """
        for shard in self._index.all():
            if shard.stale:
                self.renew(shard)

    def renew(self, shard: KnownShard) -> None:
        """Write a shard of links anew, as the catalogue has them.

        Raises:
            StoreError: it cannot be written.
        """
        with self._catalog.alone(self._run_id) as alone:
            if not alone:
                return
            links = list(self._index.links(shard.id))
            new, _ = self._shards.write_links(self._stem(), [link_row(link) for link in links])
            with _removing(self._shards, new):
                homes = [(number, 0) for number in dict.fromkeys(link.parent_id for link in links)]
                self._index.move_links(shard.id, _told(new), homes, self._run())
        self._shards.remove(shard.name)

    def tell_songs(self) -> None:
        """The table of songs becomes that of the last commit.

        Raises:
            StoreError: it cannot be written.
        """
        if is_told(self._catalog, self._shards):
            return
        with self._catalog.alone(self._run_id) as alone:
            if alone:
                with read_catalog(self._catalog.address) as catalog:
                    write_songs(catalog, self._shards)

    def _without(self, shard: KnownShard, gone: set[int]) -> int:
        """Write a shard of tracks anew, without some of them; how many."""
        with self._catalog.alone(self._run_id) as alone:
            if not alone:
                return 0
            kept = [track for track in self._index.tracks(shard.id) if track.id not in gone]
            rows = self._rows(shard.name, {track.row: track.digest for track in kept})
            new, places = self._shards.write_tracks(self._stem(), rows)
            with _removing(self._shards, new):
                moved = [(track.id, *place) for track, place in zip(kept, places, strict=True)]
                self._index.move_tracks(shard.id, _told(new), moved, self._run())
        self._shards.remove(shard.name)
        return len(gone)

    def _rows(self, name: str, wanted: dict[int, bytes]) -> list[TrackRow]:
        """Some rows of a shard, in order; by their numbers, the digests that they must have."""
        if not wanted:
            return []
        found = [TrackRow._make(row) for at, row in enumerate(self._shards.rows(name)) if at in wanted]
        if [blake3(row.music).digest() for row in found] != [wanted[at] for at in sorted(wanted)]:
            raise StoreError(f"{name} is damaged: `midiprism verify --repair` mends it.")
        return found

    def _run(self) -> int:
        """The run that what is written is recorded with."""
        return self._run_id or self._catalog.newest_run() or 0

    def _stem(self) -> str:
        return f"{self._run()}-{secrets.token_hex(8)}"


def link_row(link: ShardLink) -> LinkRow:
    """A link of the catalogue as a row of a shard."""
    path = below_source(link.path, link.root_length)
    return LinkRow._make((link.song_digest, *path, *link[4:]))


@contextlib.contextmanager
def _removing(store: ParquetStore, new: Sequence[WrittenShard]) -> Iterator[None]:
    """Remove new shards again if the transaction fails that was to speak of them."""
    try:
        yield
    except BaseException:
        for shard in new:
            with contextlib.suppress(MidiprismError):  # it will be swept
                store.remove(shard.name)
        raise


def _told(new: Sequence[WrittenShard]) -> list[Shard]:
    """What a store has written, for the catalogue."""
    return [Shard(*shard) for shard in new]
