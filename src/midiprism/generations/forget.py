"""Forgets songs: a generation without these songs, and without the tracks that only they had.

Files that have nothing of these songs stay as they are. A track that stays is in a file of the first chunk
that has it, also where that chunk is another one than before.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import repeat
from typing import Any, NamedTuple

from midiprism.generations.digests import DIGEST_BYTES, prefix_of
from midiprism.generations.errors import GenerationError, UnfinishedError
from midiprism.generations.layout import (
    INDEX,
    LINKS,
    SONGS,
    TRACKS,
    manifest_key,
    plan_key,
)
from midiprism.generations.open_generation import Attempt
from midiprism.generations.plan import Plan
from midiprism.generations.result import GenerationResult, Manifest, TableFile, open_result
from midiprism.generations.rewriting import Chunk, FileRewriter, chunk_of
from midiprism.generations.stored_objects import put_object, read_object
from midiprism.objects import ObjectStorage, create_record, open_storage, require_conditions
from midiprism.stores.parquet.schema import import_pyarrow


class Forgotten(NamedTuple):
    """Counts of what was removed.

    Attributes:
        generation: the newest one; the same as before where there was nothing to remove.
    """

    generation: int
    songs: int
    tracks: int


def forget_songs_in_storage(
    url: str,
    digests: Collection[bytes],
    opener: Callable[[str], ObjectStorage] = open_storage,
) -> Forgotten:
    """Remove songs from a result in object storage, with the tracks that no other song has.

    The songs themselves are not touched: the next split brings back those that are still in their source.

    Args:
        url: of the result.
        digests: BLAKE3 of the songs.
        opener: opens storage by its URL.

    Raises:
        UsageError: there is no result, or a run on it is not finished.
        ObjectStorageError: the result cannot be read or written.
        GenerationError: a file is damaged, or another run was faster.
    """
    storage = opener(url)
    result = open_result(storage)
    require_conditions(storage)
    manifest, plan = result.newest_manifest(), result.newest_plan()
    is_open = plan is not None and plan.number > manifest.number
    if plan is not None and is_open and not _is_of_removal(plan, manifest):
        raise UnfinishedError(url, plan.number, plan.source)
    songs = {digest.hex() for digest in digests}
    attempt = Attempt(time.monotonic)
    removal = _Removal(result, manifest, songs, attempt.name)
    counts = removal.find()
    if plan is None or not counts.songs:
        return Forgotten(manifest.number, 0, 0)
    # A removal that was killed has left its plan: this one takes its place.
    number = manifest.number + 1
    empty = Plan(number, manifest.number, plan.source, plan.settings, (), manifest.contract)
    written = removal.write(number)
    attempt.require_recent()
    if not is_open and not create_record(storage, plan_key(number), empty.as_json()).is_ours:
        raise GenerationError("Another run has begun a generation: run the same command again after it.")
    if not create_record(storage, manifest_key(number), written.as_json()).is_ours:
        raise GenerationError("Another run was faster: run the same command again.")
    return counts._replace(generation=number)


def _is_of_removal(plan: Plan, manifest: Manifest) -> bool:
    """Return whether a plan after a manifest splits no songs, as that of a removal does."""
    return not plan.chunks and not plan.redo and plan.base == manifest.number


class _Removal:
    """The files of a manifest without some songs."""

    def __init__(
        self, result: GenerationResult, manifest: Manifest, songs: Collection[str], attempt: str
    ) -> None:
        self._storage = result.storage
        self._prefixes = result.identity.prefixes
        self._manifest = manifest
        self._songs = frozenset(songs)
        self._attempt = attempt
        self._rewriter = FileRewriter(result.storage, attempt)
        self._removed_songs: set[str] = set()
        self._removed_tracks: set[str] = set()
        self._first_chunks: dict[str, Chunk] = {}

    def find(self) -> Forgotten:
        """Find what is to be removed, and the first chunks that have the tracks that stay."""
        for file in self._files(SONGS):
            self._removed_songs.update(self._songs.intersection(self._column(file, "blake3")))
        of_removed: set[str] = set()
        for _, song, track in self._links():
            if song in self._songs:
                of_removed.add(track)
        for chunk, song, track in self._links():
            if track in of_removed and song not in self._songs:
                self._first_chunks[track] = min(chunk, self._first_chunks.get(track, chunk))
        self._removed_tracks = of_removed - self._first_chunks.keys()
        return Forgotten(self._manifest.number, len(self._removed_songs), len(self._removed_tracks))

    def _links(self) -> Iterator[tuple[Chunk, str, str]]:
        """Yield the chunk of each link, with the digests of its song and its track."""
        for file in self._files(LINKS):
            rows = self._rewriter.read(file, ("song_blake3", "track_blake3"))
            songs, tracks = (column.to_pylist() for column in rows.columns)
            yield from zip(repeat(chunk_of(file)), songs, tracks)

    def write(self, number: int) -> Manifest:
        """Write the files that become others, and return the manifest."""
        moved: dict[Chunk, list[Any]] = defaultdict(list)
        files: list[TableFile] = []
        for file in self._manifest.files:
            if file.table == TRACKS:
                files += self._without_tracks(file, moved)
            else:
                kept = self._rewriter.without_songs(file, self._songs.__contains__)
                files += [] if kept is None else [kept]
        for chunk, tables in sorted(moved.items()):
            files.append(self._rewriter.put(TRACKS, chunk, import_pyarrow().concat_tables(tables), None))
        contract = self._manifest.contract
        return Manifest(number, tuple(files), tuple(self._index()), contract=contract)

    def _without_tracks(self, file: TableFile, moved: Mapping[Chunk, list[Any]]) -> Iterator[TableFile]:
        """Yield a file of tracks without those that go, and collect those that go to another chunk."""
        chunk = chunk_of(file)
        places = [self._place_of(digest, chunk) for digest in self._column(file, "blake3")]
        if all(place == chunk for place in places):
            yield file
            return
        table = self._rewriter.read(file)
        for target in sorted({place for place in places if place is not None}):
            part = table.filter([place == target for place in places])
            if target == chunk:
                yield self._rewriter.put(TRACKS, chunk, part, file)
            else:
                moved[target].append(part)

    def _place_of(self, digest: str, chunk: Chunk) -> Chunk | None:
        """Return the chunk whose files are to have a track that is in one of ``chunk``; None for none."""
        if digest in self._removed_tracks:
            return None
        return self._first_chunks.get(digest, chunk)

    def _index(self) -> Iterator[TableFile]:
        """Yield the digests of every generation without those that go."""
        gone_songs = {bytes.fromhex(digest)[:DIGEST_BYTES] for digest in self._removed_songs}
        gone_tracks = {bytes.fromhex(digest)[:DIGEST_BYTES] for digest in self._removed_tracks}
        gone_prefixes = {prefix_of(digest, self._prefixes) for digest in gone_songs | gone_tracks}
        for file in self._manifest.index:
            if int(file.table) not in gone_prefixes:
                yield file
                continue
            data = read_object(self._storage, file.stored)
            middle = file.stored.rows * DIGEST_BYTES
            songs = _without(data[:middle], gone_songs)
            tracks = _without(data[middle:], gone_tracks)
            name = f"{INDEX}/{INDEX}-{file.generation:06}-{int(file.table):06}-{self._attempt}"
            stored = put_object(self._storage, name, songs + tracks, len(songs) // DIGEST_BYTES)
            yield replace(file, stored=stored)

    def _files(self, table: str) -> Iterator[TableFile]:
        return (file for file in self._manifest.files if file.table == table)

    def _column(self, file: TableFile, name: str) -> list[Any]:
        values: list[Any] = self._rewriter.read(file, (name,)).column(name).to_pylist()
        return values


def _without(lane: bytes, gone: Collection[bytes]) -> bytes:
    """Return the digests of a lane but some."""
    starts = range(0, len(lane), DIGEST_BYTES)
    digests = (lane[start : start + DIGEST_BYTES] for start in starts)
    return b"".join(digest for digest in digests if digest not in gone)
