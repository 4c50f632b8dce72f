"""How a result in shards is mended: what is lost comes from its songs, into new shards."""

import contextlib
import os
from collections.abc import Callable, Sequence
from itertools import accumulate

from midiprism.catalog import BatchRecord, Keeper, TrackFile
from midiprism.catalog.records import TrackRecord
from midiprism.catalog.shards import KnownShard, ShardIndex
from midiprism.errors import StoreError
from midiprism.run.findings import SHOWN
from midiprism.run.keeping import Keeping, track_cells
from midiprism.run.mender import BACK, KEPT, NAMED, Mender
from midiprism.run.scene import shards_of
from midiprism.run.settling import Settling
from midiprism.run.verify_shards import ShardCheck, track_name
from midiprism.smf.facts import stated_facts
from midiprism.smf.types import SplitTrack
from midiprism.store import FileStore, GatheringStore
from midiprism.store.columns import TrackRow

_BYTES = 64 << 20


class ShardMender(Mender):
    """See ``Mender``."""

    def _opened(self, out: str) -> FileStore | GatheringStore:
        assert isinstance(self._check, ShardCheck)
        self._found = self._check
        self._shards = shards_of(out, self._identity)
        self._index = ShardIndex(self._catalog)
        self._restored: dict[int, TrackRow] = {}
        self._bytes = 0
        self._gathering = GatheringStore(remembers=False)
        return self._gathering

    def _steps(self) -> Sequence[Callable[[], None]]:
        return (
            self._restore_files,
            self._split_broken,
            self._split_lost,
            self._drop_lost_links,
            self._restore_files,  # of songs whose links are back
            self._settle_files,
            self._remove_unlinked,
            self._renew_links,
            self._remove_strays,
            self._tell_songs,
        )

    def _restore(self, track: TrackFile, split: SplitTrack) -> None:
        super()._restore(track, split)
        if not self._writes:
            return
        data = self._gathering.take()[track.digest]
        self._restored.update(self._rows({track.id: data}))
        self._bytes += len(data)
        if self._bytes >= _BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._restored:
            self._settling().place(self._restored)
            self._repair.shards += 1
        self._restored, self._bytes = {}, 0

    def _keeper(self, record: BatchRecord) -> Keeper | None:
        return Keeping(self._shards, self._begin(), [record])

    def _settle_files(self) -> None:
        """Damaged shards are written anew, with what can be read of them; what is lost then is told of."""
        self._mending.forget_unlinked()
        for shard in self._found.broken:
            if self._stop():
                return
            self._write_anew(shard)
        for page in self._mending.files():
            shown = page[: max(0, SHOWN - len(self._repair.unmended))]
            songs = self._audit.songs_of([track.id for track in shown])
            for track in page:
                names = [os.fsdecode(song) for song in songs.get(track.id, ())[:NAMED]]
                of = f" of {' or '.join(names)}" if names else ""
                message = f"No file with the bytes of its song{of} was found: {BACK}."
                self._repair.leave("place", track_name(track.digest), message)

    def _write_anew(self, shard: KnownShard) -> None:
        look = self._shards.look(shard.name)
        if look.state == "unreadable" or self._keeps:
            message = look.why if look.state == "unreadable" else KEPT
            self._repair.leave("shard", os.fsencode(shard.name), message)
            return
        self._repair.shards += 1
        if not self._writes:
            return
        numbers = {track.digest: track.id for track in self._index.tracks(shard.id)}
        found: dict[int, bytes] = {}
        with contextlib.suppress(StoreError):
            for it in self._shards.contents(shard.name) if numbers else ():
                if it.data is not None and it.digest in numbers:
                    found[numbers[it.digest]] = it.data
        settling, rows = self._settling(), self._rows(found)
        with self._catalog.alone(self._begin()) as alone:
            if alone:
                settling.rewrite(shard, rows)
        with contextlib.suppress(StoreError):  # then it is found among the strays, and told of there
            self._shards.remove(shard.name)

    def _rows(self, contents: dict[int, bytes]) -> dict[int, TrackRow]:
        """Rows of tracks, by their numbers, of what the catalogue says of them, and of their bytes."""
        values = self._index.values(list(contents))
        tracks = [TrackRecord._make(values[number]) for number in contents]
        music = list(contents.values())
        stated = stated_facts(b"".join(music), list(accumulate(map(len, music))))
        sized = [track._replace(size=len(data)) for track, data in zip(tracks, music, strict=True)]
        cells = track_cells(sized, [(data, *facts) for data, facts in zip(music, stated, strict=True)])
        return dict(zip(contents, map(TrackRow._make, zip(*cells, strict=True)), strict=True))

    def _forget_unlinked(self) -> int:
        return self._settling().forget_unlinked()

    def _renew_links(self) -> None:
        """Shards of links that are not what they should be are written anew from the catalogue."""
        wrong = {shard.id for shard in self._found.links}
        if not self._writes:
            self._repair.shards += len(wrong) + bool(self._found.found.counts.get("homeless"))
            return
        for shard in self._index.all():
            if shard.stale or shard.id in wrong:
                self._settling().renew(shard)
                self._repair.shards += 1
        homeless = self._index.homeless()
        if homeless:
            self._settling().renew_homeless(homeless)
            self._repair.shards += 1

    def _remove_strays(self) -> None:
        """Shards of which no commit speaks, and temporary files."""
        if self._found.found.files is None:
            return
        for name in self._shards.strays(self._index.names()):
            temporary = name.rpartition("/")[2].startswith(".")
            if self._keeps and not temporary:
                self._repair.leave("orphan", os.fsencode(name), KEPT)
                continue
            try:
                if self._writes:
                    self._shards.discard(name)
            except StoreError as error:
                self._repair.leave("orphan", os.fsencode(name), str(error))
                continue
            if temporary:
                self._repair.temporaries += 1
            else:
                self._repair.orphans += 1

    def _tell_songs(self) -> None:
        if self._writes:
            wrong = bool(self._found.found.counts.get("songs"))
            Settling(self._catalog, self._shards, self._repair.run_id).tell_songs(anew=wrong)

    def _settling(self) -> Settling:
        return Settling(self._catalog, self._shards, self._begin())
