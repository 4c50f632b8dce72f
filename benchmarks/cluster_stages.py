"""The stages of a generation with made-up songs and digests: what ``cluster_simulation.py`` measures.

There is no music. Planning, the records, pass B, the reading of its answers and the manifest are midiprism's
own; the digests of pass A and the shards of pass C are invented.
"""

import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from midiprism.generations.commit import commit_generation
from midiprism.generations.digests import (
    DIGEST_BYTES,
    SONG_LANE,
    encode_digests,
)
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS, plan_key
from midiprism.generations.listing import SortedListing
from midiprism.generations.local_folder import temporary_folder
from midiprism.generations.open_generation import Attempt, ChunkDigests, OpenGeneration
from midiprism.generations.pass_b import choose_first
from midiprism.generations.plan import SplitSettings
from midiprism.generations.planning import ChunkLimits, SourceChanges, make_plan, source_changes
from midiprism.generations.result import Manifest, open_or_create_result, open_result
from midiprism.generations.stored_objects import StoredObject, put_object, raise_errors
from midiprism.generations.tables import PATH_COLUMNS, PLAN_COLUMNS, encode_rows, read_rows
from midiprism.generations.usage import total_usage
from midiprism.objects import REQUESTS, ObjectInfo, ReadRequest, RequestCounts, open_storage
from midiprism.results.identity import RequestedIdentity
from midiprism.stores.parquet.schema import make_schema

SONG_BYTES = 15_000
TRACKS_PER_SONG = 3
SHARE_REPEATED = 0.4
"""Share of tracks that come from a pool that all chunks have in common."""

_LISTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


class Measured(NamedTuple):
    """A stage in a process of its own.

    Attributes:
        seconds: wall clock.
        core_seconds: processor time.
        peak: most bytes of memory that it had, with the interpreter.
        requests: to object storage.
        value: that the stage returned.
    """

    seconds: float
    core_seconds: float
    peak: int
    requests: RequestCounts
    value: Any


def measured(stage: Callable[..., Any], *arguments: Any) -> Measured:
    """Run a stage in a new process, and return what it used."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_measure, stage, arguments).result()


def _measure(stage: Callable[..., Any], arguments: Sequence[Any]) -> Measured:
    began = time.perf_counter()
    value = stage(*arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = time.perf_counter() - began
    return Measured(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, REQUESTS.take(), value)


class MadeUpSource:
    """A source that lists songs and has none. Only ``list`` and ``url`` are used."""

    url = "s3://made-up/songs"

    def __init__(self, songs: int) -> None:
        self._songs = songs

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        del prefix
        for number in range(self._songs):
            yield ObjectInfo(
                f"{number % 997:03}/{number:010}.mid", SONG_BYTES, f'"{number:032x}"', _LISTED_AT
            )


def plan(url: str, songs: int, prefixes: int) -> int:
    """List and plan, and return the number of chunks."""
    source: Any = MadeUpSource(songs)
    result = open_or_create_result(open_storage(url, make_folder=True), RequestedIdentity(), prefixes)
    with temporary_folder(None) as folder:
        listing = SortedListing(source, folder)
        return len(make_plan(result, Manifest(), source, listing, SplitSettings())[0].chunks)


def open_generation(url: str) -> OpenGeneration:
    """Return the generation that is planned."""
    result = open_result(open_storage(url))
    newest = result.newest_plan()
    assert newest is not None
    return OpenGeneration(result, newest, result.storage)


def invent_pass_a(url: str) -> None:
    """Write and record made-up digests for every chunk."""
    generation = open_generation(url)
    chunks = generation.plan.chunks
    pool = max(1, generation.plan.song_count // 10)
    first_song = 0
    for number, chunk in enumerate(chunks):
        songs, tracks = made_up_digests(number, first_song, chunk.rows, pool)
        first_song += chunk.rows
        record_digests(generation, number, songs, tracks, made_up_paths(generation, chunk))


def made_up_paths(generation: OpenGeneration, chunk: StoredObject) -> bytes:
    """Return the table of the paths of a chunk, with made-up digests of its songs."""
    import pyarrow

    data = pyarrow.BufferReader(generation.storage.read(ReadRequest(chunk.name)))
    rows = read_rows(PLAN_COLUMNS, chunk.name, data)
    random = np.random.default_rng(chunk.rows).bytes(32 * chunk.rows).hex()
    digests = [random[at : at + 64] for at in range(0, len(random), 64)]
    columns = [*rows.columns, pyarrow.array(digests), pyarrow.nulls(chunk.rows, pyarrow.string())]
    return encode_rows(PATH_COLUMNS, pyarrow.table(columns, schema=make_schema(PATH_COLUMNS, {})))


def made_up_digests(seed: int, first_song: int, count: int, pool: int) -> tuple[list[bytes], list[bytes]]:
    """Return digests of songs, none of which repeats, and of tracks, of which some do."""
    rng = np.random.default_rng(seed)
    songs = _digests(np.arange(first_song, first_song + count, dtype=np.uint64))
    total = count * TRACKS_PER_SONG
    repeated = int(total * SHARE_REPEATED)
    own = np.arange(first_song * TRACKS_PER_SONG, first_song * TRACKS_PER_SONG + total - repeated)
    common = rng.integers(0, pool, repeated)
    tracks = np.concatenate(
        [own.astype(np.uint64) | np.uint64(1 << 62), common.astype(np.uint64) | np.uint64(1 << 61)]
    )
    return songs, list(set(_digests(tracks)))


def record_digests(
    generation: OpenGeneration, number: int, songs: list[bytes], tracks: list[bytes], paths: bytes = b""
) -> dict[str, Any]:
    """Write and record the digests of a chunk and the table of its paths, and return the record."""
    attempt, storage = Attempt(), generation.storage
    lanes, counts = encode_digests(songs, tracks, generation.result.identity.prefixes)
    digests = put_object(storage, generation.data_key(f"{number:06}", attempt, "digests"), lanes)
    index = put_object(storage, generation.data_key(f"{number:06}", attempt, "index"), b"")
    name = f"{PATHS}/{PATHS}-000001-{number:06}-{attempt.name}.parquet"
    stored = put_object(storage, name, paths, len(songs))
    content = ChunkDigests((), index, digests, tuple(counts), stored, None, frozenset(), {}).as_json()
    generation.record("a", number, attempt, content)
    return content


def pass_b(url: str, prefixes: Sequence[int]) -> None:
    """Do tasks of pass B."""
    generation = open_generation(url)
    for prefix in prefixes:
        if not generation.is_done("b", prefix):
            choose_first(generation, prefix)


def invent_pass_c(url: str, shards: int) -> None:
    """Read what pass B says about each chunk, and record made-up shards."""
    generation = open_generation(url)
    for number in range(len(generation.plan.chunks)):
        songs, tracks = _count_new(generation, number)
        attempt = Attempt()
        stem = f"000001-{number:06}-{attempt.name}"

        def made_up(table: str, rows: int, shard: int, stem: str = stem) -> dict[str, Any]:
            return StoredObject(f"{table}/{table}-{stem}-{shard:04}.parquet", 1, "0" * 64, rows).as_json()

        per_shard = [tracks // shards + (shard < tracks % shards) for shard in range(shards)]
        content = {
            TRACKS: [made_up(TRACKS, rows, shard) for shard, rows in enumerate(per_shard)],
            LINKS: [made_up(LINKS, tracks, shard) for shard in range(shards)],
            SONGS: made_up(SONGS, songs, 0),
            "outcomes": {"split": songs},
        }
        generation.record("c", number, attempt, content)


def _count_new(generation: OpenGeneration, number: int) -> tuple[int, int]:
    """Return the songs and the tracks that a chunk is the first to have, read as pass C reads them."""
    chunk = generation.chunk_digests[number]
    requests = generation.first_bit_requests(number)
    songs = tracks = 0
    for prefix, bits in enumerate(raise_errors(generation.storage.read_many(requests))):
        middle = -(-chunk.counts[2 * prefix + SONG_LANE] // 8)
        songs += int.from_bytes(bits[:middle], "big").bit_count()
        tracks += int.from_bytes(bits[middle:], "big").bit_count()
    return songs, tracks


def commit(url: str) -> tuple[int, RequestCounts]:
    """Create the manifest, and return its bytes and the requests that the records state."""
    generation = open_generation(url)
    assert commit_generation(generation)
    size = generation.storage.info("manifests/000001.json").size
    return size, total_usage(generation.read_usage.values()).requests


def compare(url: str, songs: int) -> None:
    """List and compare with the result, as the next run does."""
    source: Any = MadeUpSource(songs)
    result = open_result(open_storage(url))
    with temporary_folder(None) as folder:
        changes = source_changes(result, result.newest_manifest(), source, SortedListing(source, folder))
    assert changes == SourceChanges(0, 0, 0, songs)


def make_one_prefix(url: str, records: int, chunks: int) -> None:
    """Write and record the digests of a generation that has one prefix and so many chunks."""
    generation = _plan_chunks(url, chunks, 1)
    songs = records // chunks // (1 + TRACKS_PER_SONG)
    for number in range(chunks):
        record_digests(generation, number, *made_up_digests(number, number * songs, songs, records // 10))


def make_lanes(url: str, chunks: int, prefixes: int) -> None:
    """Record made-up digests of the chunks of a generation with many prefixes."""
    generation = _plan_chunks(url, chunks, prefixes)
    songs = ChunkLimits().max_songs
    content = record_digests(generation, 0, *made_up_digests(0, 0, songs, songs))
    for number in range(1, chunks):
        generation.record("a", number, Attempt(), content)


def load_records(url: str, repeat: int | None = None) -> int:
    """Read the records of pass A as every process of passes B and C does, and return the number of lanes.

    Args:
        url: of the result.
        repeat: number of records to read; None for all.
    """
    generation = open_generation(url)
    if repeat is not None:
        generation = replace(
            generation, plan=replace(generation.plan, chunks=generation.plan.chunks[:repeat])
        )
    _ = generation.bit_starts
    return sum(len(chunk.counts) for chunk in generation.chunk_digests)


def _plan_chunks(url: str, chunks: int, prefixes: int) -> OpenGeneration:
    """Plan a generation of so many chunks, all of which have the same few songs."""
    plan(url, 10, prefixes)
    planned = open_generation(url).plan
    content = replace(planned, chunks=planned.chunks * chunks).as_json()
    storage = open_storage(url)
    storage.put(plan_key(planned.number), json.dumps({**content, "token": "simulation"}).encode())
    return open_generation(url)


def _digests(numbers: "np.ndarray[Any, np.dtype[np.uint64]]") -> list[bytes]:
    """Return a digest for each number, as evenly spread as real ones."""
    with np.errstate(over="ignore"):
        halves = []
        for salt in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03):
            mixed = numbers * np.uint64(salt) + np.uint64(salt >> 1)
            for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
                mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
            halves.append(mixed ^ (mixed >> np.uint64(31)))
    data = np.stack(halves, axis=1).astype(">u8").tobytes()
    return [data[at : at + DIGEST_BYTES] for at in range(0, len(data), DIGEST_BYTES)]
