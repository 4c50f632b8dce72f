"""What is to be done in a result in shards before the first commit and after the last.

Shards never change. What is out of date in one is left out of a new one that takes its place: that is durable
before the one transaction in which everything moves to it, and the old file is removed afterwards.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence

from blake3 import blake3

from midiprism.catalog import Catalog, Shard, read_catalog
from midiprism.catalog.shards import KnownShard, ShardIndex, ShardLink, ShardTrack
from midiprism.errors import MidiprismError, StoreError
from midiprism.run.aside import Aside, here
from midiprism.run.songs import is_told, write_songs
from midiprism.store.columns import LinkRow, TrackRow, cells_of
from midiprism.store.parquet import ParquetStore
from midiprism.store.shards import Shard as WrittenShard


def sweep(catalog: Catalog, shards: ParquetStore) -> list[str]:
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
    with catalog.alone(None) as alone:
        return shards.sweep(ShardIndex(catalog).names()) if alone else []


class Settling:
    """What a run does at its end, with nothing of its own to commit any more.

    While another run is on, nothing is done: that one will.

    Args:
        catalog: open for writing.
        shards: of its result.
        run_id: of the run; None where it had nothing to record.
        aside: does a part of it meanwhile.
    """

    def __init__(
        self, catalog: Catalog, shards: ParquetStore, run_id: int | None, aside: Aside = here
    ) -> None:
        self._catalog = catalog
        self._index = ShardIndex(catalog)
        self._shards = shards
        self._run_id = run_id
        self._aside = aside
        # What is written is recorded with a run, if not this one with the last that was.
        self._run = run_id or catalog.newest_run() or 0

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
        known: dict[int | None, KnownShard] = {}
        if unlinked:
            known.update((shard.id, shard) for shard in self._index.all())
        return sum(self._without(known.get(shard), gone) for shard, gone in unlinked.items())

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
            with self._linked(self._index.songs(shard.id)):
                self._index.forget(shard.id)
        self._remove(shard)

    def renew_homeless(self, songs: Sequence[int]) -> None:
        """Write the links of songs that lie in no shard to a new one.

        Raises:
            StoreError: it cannot be written.
        """
        with self._catalog.alone(self._run_id) as alone:
            if alone:
                with self._linked(songs):
                    pass

    def rewrite(self, shard: KnownShard, rows: Mapping[int, TrackRow], gone: Sequence[int] = ()) -> None:
        """Put new shards in the place of one of tracks, inside a transaction that is open. The file is left.

        Args:
            rows: by the numbers of the tracks; others that lie in it have no place any more.
            gone: numbers of tracks that are deleted.
        """
        new, places = self._shards.write_tracks(self._stem(), cells_of(rows.values()))
        with _removing(self._shards, new):
            moved = [(track, *place) for track, place in zip(rows, places, strict=True)]
            self._index.place_tracks(_told(new), moved, self._run)
            self._index.delete_tracks(gone)
            self._index.forget(shard.id)

    def place(self, rows: Mapping[int, TrackRow]) -> None:
        """Write tracks to new shards, by their numbers.

        Raises:
            StoreError: they cannot be written.
        """
        with self._catalog.alone(self._run_id) as alone:
            if not alone:
                return
            new, places = self._shards.write_tracks(self._stem(), cells_of(rows.values()))
            with _removing(self._shards, new):
                moved = [(track, *place) for track, place in zip(rows, places, strict=True)]
                self._index.place_tracks(_told(new), moved, self._run)

    def tell_songs(self, *, anew: bool = False) -> None:
        """The table of songs becomes that of the last commit.

        Args:
            anew: write it even if it says that it is.

        Raises:
            StoreError: it cannot be written.
        """
        if not anew and is_told(self._catalog, self._shards):
            return
        with self._catalog.alone(self._run_id) as alone:
            if alone:
                with read_catalog(self._catalog.address) as catalog:
                    write_songs(catalog, self._shards, self._aside)

    def _without(self, shard: KnownShard | None, gone: Sequence[int]) -> int:
        """Write a shard of tracks anew, without some of them; how many. None for tracks that lie in none."""
        with self._catalog.alone(self._run_id) as alone:
            if not alone:
                return 0
            if shard is None:
                self._index.delete_tracks(gone)
                return len(gone)
            left = set(gone)
            kept = [track for track in self._index.tracks(shard.id) if track.id not in left]
            self.rewrite(shard, self._rows(shard.name, kept), gone)
        self._remove(shard)
        return len(gone)

    def _rows(self, name: str, tracks: Sequence[ShardTrack]) -> dict[int, TrackRow]:
        """The rows of tracks in a shard, by their numbers."""
        at = {track.row: track for track in tracks}
        found = {}
        for row, values in enumerate(self._shards.rows(name) if at else ()):
            track = at.pop(row, None)
            if track is not None:
                found[track.id] = TrackRow._make(values)
                if blake3(found[track.id].music).digest() != track.digest:
                    at[row] = track
        if at:
            raise StoreError(f"{name} is damaged: `midiprism verify --repair` mends it.")
        return found

    @contextlib.contextmanager
    def _linked(self, songs: Sequence[int]) -> Iterator[None]:
        """Write the links of songs to a new shard, around the rest of the transaction."""
        links = list(self._index.links(songs))
        new, _ = self._shards.write_links(self._stem(), cells_of(map(link_row, links)))
        with _removing(self._shards, new):
            homes = [(number, 0) for number in dict.fromkeys(link.parent_id for link in links)]
            self._index.place_links(_told(new), homes, self._run)
            yield

    def _remove(self, shard: KnownShard) -> None:
        with contextlib.suppress(StoreError):  # the next run will sweep it
            self._shards.remove(shard.name)

    def _stem(self) -> str:
        return f"{self._run}-{secrets.token_hex(8)}"


def link_row(link: ShardLink) -> LinkRow:
    """A link of the catalogue as a row of a shard."""
    return LinkRow._make(link[1:])


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
