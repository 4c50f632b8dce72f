"""Plans generations: the songs that a result does not have yet, divided into chunks."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import PATHS, new_attempt, plan_key, work_folder
from midiprism.generations.listing import ListedSong, SortedListing, estimated_songs, object_key
from midiprism.generations.plan import Plan, SplitSettings
from midiprism.generations.result import GenerationResult, Manifest, TableFile
from midiprism.generations.stored_objects import StoredObject, put_object, read_objects
from midiprism.generations.tables import (
    PATH_COLUMNS,
    PLAN_COLUMNS,
    decode_table,
    encode_tables,
    iterate_rows,
)
from midiprism.objects import SMALL_READS, ObjectAccessError, ObjectStorage, ReadRequest, create_record
from midiprism.stores.parquet.schema import ColumnValues

_SONGS_AT_ONCE = 5_000
"""Songs of a chunk that are in memory while it is written; a row group of its file."""


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Limits of a chunk: what one kill of a worker may cost, and what it keeps on its local disk.

    Attributes:
        max_songs: most songs.
        max_bytes: most bytes of songs, unless a single one has more.
        chunks: number of chunks that a plan is to have, as far as they have at least ``min_songs``.
        min_songs: fewest songs, but for the last chunk.
    """

    max_songs: int = 50_000
    max_bytes: int = 1 << 30
    chunks: int = 32
    min_songs: int = 5_000

    def songs_for(self, count: int) -> int:
        """Return the songs of each chunk of a plan for ``count`` songs."""
        return max(self.min_songs, min(self.max_songs, -(-count // self.chunks)))


class KnownPath(NamedTuple):
    """A song or a container at a path, as the newest generation that read it says.

    Attributes:
        was_read: whether it was read and split; for a container, whether that holds for all that is in it.
        has_outcome: whether the result has an outcome of what could not be read.
        contract: version that it was split by.
    """

    path: str
    size: int
    etag: str
    was_read: bool
    has_outcome: bool
    contract: int


class SourceChanges(NamedTuple):
    """Differences between a source and a result.

    Attributes:
        new: songs and containers that are new or have changed, or were split by an earlier contract.
        unread: those that have not changed and could not be read, or not all that is in them.
        gone: paths of songs that are not there any more.
        known: paths that the result has.
    """

    new: int
    unread: int
    gone: int
    known: int


def make_plan(
    result: GenerationResult,
    manifest: Manifest,
    source: ObjectStorage,
    listing: SortedListing,
    settings: SplitSettings,
    *,
    afresh: bool = False,
    redo: bool = False,
    limits: ChunkLimits | None = None,
) -> tuple[Plan, bool]:
    """Create the plan of the next generation, and return the one that is there, and whether it is this one.

    Args:
        result: to which the songs are added.
        manifest: of its newest generation.
        source: of the songs.
        listing: of the source.
        settings: of the generation.
        afresh: whether the generation replaces all earlier ones, with all songs of the source.
        redo: whether it splits all songs of the source again, and leaves others as they are.
        limits: of chunks.

    Raises:
        ObjectAccessError: the source is new to the result, and refuses all of a sample of its songs.
        ObjectStorageError: the result cannot be written.
    """
    number, limits = manifest.number + 1, limits or ChunkLimits()
    if not any(file.source == source.url for file in manifest.files):
        require_readable(source, listing.sample)
    songs: Iterable[ListedSong] = listing
    if not (afresh or redo):
        songs = new_songs(result, manifest, source, listing)
    chunk_songs = limits.songs_for(listing.estimated_songs)
    attempt = new_attempt()
    chunks = tuple(
        _write_chunk(result, number, attempt, chunk_number, chunk)
        for chunk_number, chunk in divide(songs, chunk_songs, limits.max_bytes)
    )
    base = 0 if afresh else manifest.number
    # Among songs that are read there may be some that an earlier contract has split.
    replaces = base > 0 and (redo or manifest.has_songs_before(result.contract))
    plan = Plan(number, base, source.url, settings, chunks, result.contract, replaces)
    is_ours = create_record(result.storage, plan_key(number), plan.as_json()).is_ours
    return result.read_plan(number), is_ours


def require_readable(source: ObjectStorage, songs: Sequence[ListedSong]) -> None:
    """Check that a source gives some of its songs: rights are better set before a generation.

    Raises:
        ObjectAccessError: access to all of the songs is refused.
    """
    requests = [ReadRequest(object_key(song), 0, 1, song.etag) for song in songs]
    answers = [*source.read_many(requests, grouped=SMALL_READS)]
    refusals = [answer for answer in answers if isinstance(answer, ObjectAccessError)]
    if refusals and len(refusals) == len(answers):
        raise refusals[0]


def new_songs(
    result: GenerationResult, manifest: Manifest, source: ObjectStorage, listing: SortedListing
) -> Iterator[ListedSong]:
    """Yield the songs of a source that a result does not have as they are now, or that could not be read."""
    for listed, known in _compare(listing, known_paths(result, manifest, source.url)):
        if listed is not None and (
            _is_changed(listed, known, result.contract) or (known is not None and not known.was_read)
        ):
            yield listed


def source_changes(
    result: GenerationResult, manifest: Manifest, source: ObjectStorage, listing: SortedListing
) -> SourceChanges:
    """Return the differences between a source and a result."""
    new = unread = gone = known_count = 0
    for listed, known in _compare(listing, known_paths(result, manifest, source.url)):
        known_count += known is not None
        if listed is None:
            gone += 1
        elif _is_changed(listed, known, result.contract):
            new += 1
        else:
            unread += known is not None and not known.was_read
    return SourceChanges(new, unread, gone, known_count)


def known_paths(result: GenerationResult, manifest: Manifest, source_url: str) -> Iterator[KnownPath]:
    """Yield the songs and containers that a result has of a source, each path once, sorted.

    The songs of a container are left out: they are read again if their container has changed.
    """
    files = [file for file in manifest.files if file.source == source_url]
    path_files = sorted((file for file in files if file.table == PATHS), key=_order)
    with_outcomes = {file.generation for file in files if file.is_provisional}
    streams = [
        _rows_of(result.storage, order, [file.stored for file in group])
        for order, group in groupby(path_files, _order)
    ]
    last = None
    for path, (generation, contract), size, etag, was_read in heapq.merge(*streams):
        if path != last:
            last = path
            has_outcome = was_read or -generation in with_outcomes
            yield KnownPath(path, size, etag, was_read, has_outcome, contract)


def _order(file: TableFile) -> tuple[int, int]:
    """Return the key by which the rows of a path are ordered, the newest first, and their contract."""
    return -file.generation, file.contract


def _rows_of(
    storage: ObjectStorage, order: tuple[int, int], files: list[StoredObject]
) -> Iterator[tuple[str, tuple[int, int], int, str, bool]]:
    """Yield rows of the files of a generation: path, ``order``, size, ETag, whether it was read."""
    for stored, data in zip(files, read_objects(storage, files), strict=True):
        rows = iterate_rows(PATH_COLUMNS, stored.name, data, ("path", "size", "etag", "blake3", "container"))
        for container, group in groupby(rows, itemgetter(4)):
            if container is None:
                yield from ((path, order, size, etag, it is not None) for path, size, etag, it, _ in group)
                continue
            path, size, etag, *_ = next(group)
            if path == f"{container}/":  # a removal may have taken the row of the container
                yield path, order, size, etag, all(digest is not None for _, _, _, digest, _ in group)


def _compare(
    listing: Iterable[ListedSong], known_rows: Iterable[KnownPath]
) -> Iterator[tuple[ListedSong | None, KnownPath | None]]:
    """Yield what is listed and what is known at each path, in the order of the paths."""
    listed_rows, known = iter(listing), iter(known_rows)
    song, path = next(listed_rows, None), next(known, None)
    while song is not None or path is not None:
        if path is None or (song is not None and song.path < path.path):
            yield song, None
            song = next(listed_rows, None)
        elif song is None or path.path < song.path:
            yield None, path
            path = next(known, None)
        else:
            yield song, path
            song, path = next(listed_rows, None), next(known, None)


def _is_changed(listed: ListedSong, known: KnownPath | None, contract: int) -> bool:
    """Return whether a listed song is new, or another than the known one, or has no outcome of a contract.

    The outcome of what cannot be read goes with the next generation, which may not have seen it.
    """
    if known is None or not known.has_outcome or known.contract < contract:
        return True
    return (listed.size, listed.etag) != (known.size, known.etag)


def divide(
    songs: Iterable[ListedSong], max_songs: int, max_bytes: int
) -> Iterator[tuple[int, Iterator[ListedSong]]]:
    """Yield the number of each chunk and its songs, which are taken before the next chunk."""
    for number, numbered in groupby(_numbered(songs, max_songs, max_bytes), itemgetter(0)):
        yield number, map(itemgetter(1), numbered)


def _numbered(
    songs: Iterable[ListedSong], max_songs: int, max_bytes: int
) -> Iterator[tuple[int, ListedSong]]:
    """Yield each song with the number of its chunk."""
    number = size = count = 0
    for song in songs:
        songs_in_it = estimated_songs(song)
        if count and (count + songs_in_it > max_songs or size + song.size > max_bytes):
            number += 1
            size = count = 0
        yield number, song
        count += songs_in_it
        size += song.size


def _write_chunk(
    result: GenerationResult, generation: int, attempt: str, number: int, songs: Iterator[ListedSong]
) -> StoredObject:
    """Write the songs of a chunk as they come: tens of thousands of them would fill the memory."""
    count = 0

    def tables() -> Iterator[ColumnValues]:
        nonlocal count
        while rows := [*islice(songs, _SONGS_AT_ONCE)]:
            count += len(rows)
            yield dict(zip(ListedSong._fields, zip(*rows, strict=True), strict=True))

    name = f"{work_folder(generation)}/plan/{number:06}-{attempt}.parquet"
    data = encode_tables(PLAN_COLUMNS, tables(), {})
    return put_object(result.storage, name, data, count)


def read_chunk(result: GenerationResult, chunk: StoredObject) -> list[ListedSong]:
    """Return the songs of a chunk.

    Raises:
        ObjectStorageError: it cannot be read.
        GenerationError: it is damaged.
    """
    (data,) = read_objects(result.storage, [chunk])
    columns = decode_table(PLAN_COLUMNS, chunk.name, data)
    songs = [*map(ListedSong._make, zip(*(columns[name] for name in ListedSong._fields), strict=True))]
    if len(songs) != chunk.rows or any(None in song for song in songs):
        raise GenerationError(f"{chunk.name} does not have the songs that the plan says.")
    return songs
