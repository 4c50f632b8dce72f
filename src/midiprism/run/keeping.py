"""Tracks and links of a commit, as rows of shards."""

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, repeat

from midiprism.catalog import (
    BatchRecord,
    Contents,
    ContentValues,
    Kept,
    NewTrack,
    ParentRecord,
    Place,
    Shard,
    StatedValues,
    TrackValues,
)
from midiprism.errors import MidiprismError, StoreError
from midiprism.store.columns import Cells
from midiprism.store.parquet import ParquetStore

_LINKS = 50_000
"""Of a shard; more only where a single song has them."""


class Keeping:
    """Writes what commits have won; see ``Keeper``.

    Args:
        store: where to.
        run_id: of the run.
        batches: what is committed, with the contents.
    """

    def __init__(self, store: ParquetStore, run_id: int, batches: Iterable[BatchRecord]) -> None:
        self._store = store
        self._run_id = run_id
        self._contents: dict[bytes, ContentValues] = {}
        for batch in batches:
            self._contents.update(batch.contents.items())
        self._written: list[Shard] = []
        self._beforehand: Kept | None = None

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        if self._beforehand is None:
            self._written = []  # of an earlier attempt, whose COMMIT may have gone through
        try:
            yield
        except BaseException:
            self._drop()
            raise

    def write(self, tracks: Sequence[NewTrack], linked: Sequence[ParentRecord]) -> None:
        """Write what will be asked for later, where nobody else can win it meanwhile.

        Raises:
            StoreError: it cannot be written.
        """
        self._beforehand = self._write(tracks, linked)

    def keep(self, tracks: Sequence[NewTrack], linked: Sequence[ParentRecord]) -> Kept:
        return self._beforehand or self._write(tracks, linked)

    def _write(self, tracks: Sequence[NewTrack], linked: Sequence[ParentRecord]) -> Kept:
        stem = f"{self._run_id}-{secrets.token_hex(8)}"
        try:
            written, places = self._store.write_tracks(stem, self._track_cells(tracks))
            shards = [Shard(*shard) for shard in written]
            self._written += shards
            homes: list[int] = []
            for number, part in enumerate(_parts(linked)):
                (shard,), _ = self._store.write_links(f"{stem}-{number}", link_cells(part))
                homes += [len(shards)] * len(part)
                shards.append(Shard(*shard))
                self._written.append(shards[-1])
        except BaseException:
            self._drop()
            raise
        return Kept(shards, list(map(Place._make, places)), homes)

    def _track_cells(self, tracks: Sequence[NewTrack]) -> Cells:
        values = [track.values for track in tracks]
        try:
            contents = [self._contents[value[0]] for value in values]
        except KeyError:
            message = "A track that was taken for known is new: run the same command again."
            raise StoreError(message) from None
        return track_cells(values, contents)

    def _drop(self) -> None:
        """Remove what was written; what cannot be removed is swept later."""
        for shard in self._written:
            with contextlib.suppress(MidiprismError):
                self._store.remove(shard.name)
        self._written = []


def joined(contents: Mapping[bytes, bytes], stated: Mapping[bytes, StatedValues]) -> Contents:
    """Contents by their digests, joined, each with what it states."""
    stops = tuple(accumulate(map(len, contents.values())))
    return Contents(
        tuple(contents), stops, [stated[digest] for digest in contents], b"".join(contents.values())
    )


def track_cells(tracks: Sequence[TrackValues], contents: Sequence[ContentValues]) -> Cells:
    """Tracks as the cells of a ``TrackRow``; made for all of them at once, since they are many."""
    if not tracks:
        return ()
    digests, sizes, _stems, _digits, *facts = zip(*tracks, strict=True)
    data, *stated = zip(*contents, strict=True)
    return (digests, *facts, *stated, sizes, data)


def link_cells(parents: Sequence[ParentRecord]) -> Cells:
    """The links of parents, each of which has some, as the cells of a ``LinkRow``."""
    numbers, channels, programs, parts, names, instruments, families, tracks = zip(
        *chain.from_iterable([parent.links for parent in parents]), strict=True
    )
    counts = [len(parent.links) for parent in parents]
    songs = chain.from_iterable(map(repeat, [parent.digest for parent in parents], counts))
    positions = chain.from_iterable(map(range, counts))
    return (
        list(songs),
        list(positions),
        numbers,
        channels,
        programs,
        parts,
        names,
        instruments,
        families,
        [track[0] for track in tracks],
    )


def _parts(parents: Sequence[ParentRecord]) -> Iterator[Sequence[ParentRecord]]:
    """Parents divided so that the links of each part fit into one shard."""
    first = links = 0
    for at, parent in enumerate(parents):
        if at > first and links + len(parent.links) > _LINKS:
            yield parents[first:at]
            first, links = at, 0
        links += len(parent.links)
    if first < len(parents):
        yield parents[first:]
