"""Tasks on the chunks of earlier generations, if their songs are split again.

Songs that are not split again stay as they are, with their links; so do tracks that any song still has.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from midiprism.generations.digests import DIGEST_BYTES, encode_digests, lane_starts, select
from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS
from midiprism.generations.open_generation import Attempt, OpenGeneration, StoredDigests
from midiprism.generations.pass_c import chosen_digests
from midiprism.generations.result import TableFile
from midiprism.generations.rewriting import FileRewriter, chunk_of, read_digests
from midiprism.generations.stage_clocks import CLOCKS
from midiprism.generations.stored_objects import put_object, raise_errors, read_object
from midiprism.objects import ReadRequest

MAX_PATHS_READ = 1_000_000
"""Most paths of this generation that are read for a file of paths of an earlier one."""

_LINK_DIGESTS = ("song_blake3", "track_blake3")


def digest_base_chunk(generation: OpenGeneration, number: int) -> None:
    """Do the task of pass A for a chunk of earlier generations, and record it.

    Args:
        generation: that splits songs again.
        number: of the task: chunks of earlier generations come after all others.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    songs: set[bytes] = set()
    tracks: set[bytes] = set()
    for file in generation.base_chunks[number - len(generation.plan.chunks)]:
        if file.table in (SONGS, TRACKS):
            with CLOCKS.measure("reads"):
                digests = read_digests(generation.storage, file)
            (songs if file.table == SONGS else tracks).update(_shortened(digests))
    content = _write_digests(generation, f"base-{number:06}", attempt, songs, tracks)
    generation.record("a", number, attempt, content.as_json())


def find_kept_tracks(generation: OpenGeneration, number: int) -> None:
    """Do the task of pass T for a chunk of earlier generations, and record it.

    Find the tracks of its songs that are not split again.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    tracks: set[bytes] = set()
    kept = _kept_songs(generation, number)
    for file in generation.base_chunks[number] if kept else ():
        if file.table == LINKS:
            rows = FileRewriter(generation.storage, attempt.name).read(file, _LINK_DIGESTS)
            columns = (column.to_pylist() for column in rows.columns)
            of_kept = (track for song, track in zip(*columns, strict=True) if _is_in(song, kept))
            tracks.update(_shortened(of_kept))
    content = _write_digests(generation, f"kept-{number:06}", attempt, (), tracks)
    generation.record("t", number, attempt, content.as_json())


def rewrite_base_chunk(generation: OpenGeneration, number: int) -> None:
    """Do the task of pass C for a chunk of earlier generations, and record it.

    Write its files without the songs that are split again, the tracks that no song has any more, and the
    paths at which this generation has found the same song. Files that lose nothing stay.

    Args:
        generation: that splits songs again.
        number: as for ``digest_base_chunk``.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    index = number - len(generation.plan.chunks)
    record = generation.base_digests[index]
    songs, tracks = chosen_digests(generation, number, record)
    rewriter = FileRewriter(generation.storage, attempt.name)
    loses_tracks = len(tracks) < sum(record.counts[1::2])
    files: list[TableFile] = []
    for file in generation.base_chunks[index]:
        if file.table == PATHS:
            kept = _with_other_paths(generation, rewriter, file)
        elif file.table == TRACKS:
            kept = _with_tracks(rewriter, file, tracks) if loses_tracks else file
        else:
            kept = rewriter.without_songs(file, lambda song: not _is_in(song, songs)) if songs else None
        files += [] if kept is None else [kept]
    generation.record("c", number, attempt, {"files": [file.as_json() for file in files]})


def kept_files(record: Mapping[str, Any]) -> Iterator[TableFile]:
    """Yield the files of a chunk of earlier generations that stay, by its record of pass C.

    Raises:
        GenerationError: it is not one of pass C.
    """
    files = record.get("files")
    if not isinstance(files, list):
        raise GenerationError("A record of pass C is not as midiprism writes it.")
    yield from map(TableFile.from_json, files)


def _with_other_paths(
    generation: OpenGeneration, rewriter: FileRewriter, file: TableFile
) -> TableFile | None:
    """Return a file of paths without those that have the same song in this generation; None if it has none.

    Others stay, as their songs do: the newest row of a path counts.
    """
    if file.source != generation.plan.source:
        return file
    rows = rewriter.read(file)
    names = ("path", "blake3", "container")
    paths, digests, containers = (rows.column(name).to_pylist() for name in names)
    found = _songs_read_again(generation, rewriter, paths)
    keep = [
        path not in found or (digest is not None and found[path] != digest)
        for path, digest in zip(paths, digests, strict=True)
    ]
    left = {f"{it}/" for it, is_kept in zip(containers, keep, strict=True) if is_kept and it is not None}
    keep = [is_kept or path in left for path, is_kept in zip(paths, keep, strict=True)]
    if all(keep):
        return file
    return rewriter.put(PATHS, chunk_of(file), rows.filter(keep), file) if any(keep) else None


def _songs_read_again(
    generation: OpenGeneration, rewriter: FileRewriter, paths: Iterable[str]
) -> dict[str, str | None]:
    """Return the digests of songs that this generation has found at some paths.

    None are returned if the paths are scattered over so many chunks that to read these would take long.
    """
    wanted, chunks = {*paths}, generation.chunk_digests
    last_paths = [chunk.last_path for chunk in chunks]
    numbers = sorted({bisect_left(last_paths, path) for path in wanted} - {len(chunks)})
    tables = [chunks[number].paths for number in numbers]
    found: dict[str, str | None] = {}
    if sum(stored.rows for stored in tables) > MAX_PATHS_READ:
        return found
    for stored in tables:
        rows = rewriter.read(TableFile(PATHS, generation.plan.number, stored), ("path", "blake3"))
        columns = (column.to_pylist() for column in rows.columns)
        found.update((path, digest) for path, digest in zip(*columns, strict=True) if path in wanted)
    return found


def _with_tracks(rewriter: FileRewriter, file: TableFile, tracks: Collection[bytes]) -> TableFile | None:
    """Return a file with those of its tracks that are wanted; None if it has none."""
    (column,) = rewriter.read(file, ("blake3",)).columns
    keep = [_is_in(digest, tracks) for digest in column.to_pylist()]
    if all(keep):
        return file
    return rewriter.put(TRACKS, chunk_of(file), rewriter.read(file).filter(keep), file) if any(keep) else None


def _kept_songs(generation: OpenGeneration, number: int) -> frozenset[bytes]:
    """Return the digests of the songs of a chunk of earlier generations that are not split again."""
    import numpy as np

    record, kept = generation.base_digests[number], generation.kept_objects
    prefixes = [prefix for prefix, (_, count) in enumerate(kept) if count]
    if not prefixes:
        return frozenset()
    ends = np.zeros(len(kept), np.int64)
    for earlier in generation.base_digests[: number + 1]:
        sizes = -(-np.array(earlier.counts, np.int64)[::2] // 8)
        ends += sizes
    starts_of_bits = (ends - sizes).tolist()
    requests = [
        ReadRequest(kept[prefix][0].name, starts_of_bits[prefix], int(ends[prefix])) for prefix in prefixes
    ]
    digests, starts = read_object(generation.storage, record.digests), lane_starts(record.counts)
    with CLOCKS.measure("reads"):
        answers = [*raise_errors(generation.storage.read_many(requests))]
    found: set[bytes] = set()
    for prefix, bits in zip(prefixes, answers, strict=True):
        found.update(select(digests[starts[2 * prefix] : starts[2 * prefix + 1]], bits))
    return frozenset(found)


def _write_digests(
    generation: OpenGeneration,
    task: str,
    attempt: Attempt,
    songs: Collection[bytes],
    tracks: Collection[bytes],
) -> StoredDigests:
    lanes, counts = encode_digests(songs, tracks, generation.identity.prefixes)
    stored = put_object(generation.storage, generation.data_key(task, attempt, "digests"), lanes)
    return StoredDigests(stored, counts)


def _is_in(digest: str | None, wanted: Collection[bytes]) -> bool:
    return digest is not None and bytes.fromhex(digest)[:DIGEST_BYTES] in wanted


def _shortened(digests: Iterable[str | None]) -> Iterator[bytes]:
    return (bytes.fromhex(digest)[:DIGEST_BYTES] for digest in digests if digest is not None)
