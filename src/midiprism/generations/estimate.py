"""Estimates what a generation will cost before anything of it is written.

The requests follow from the protocol and from the sizes of the songs that are listed. What splitting takes
and how much it writes follow from measured ratios; see ``SplitRatios``.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from midiprism.generations.digests import DIGEST_BYTES
from midiprism.generations.fetching import RANGE_BYTES as SONG_RANGE_BYTES
from midiprism.generations.fetching import SMALL_SONG_BYTES
from midiprism.generations.listing import SAMPLED_SONGS, ListedSong
from midiprism.generations.pass_a import PART_BYTES
from midiprism.generations.pass_c import RANGE_BYTES
from midiprism.generations.planning import ChunkLimits, divide
from midiprism.generations.song_pack import ROW_BYTES
from midiprism.generations.usage import Usage, total_usage
from midiprism.objects import RequestCounts
from midiprism.objects.counting import KEYS_PER_REQUEST
from midiprism.stores.parquet.shard_writer import LINKS_PER_SHARD
from midiprism.stores.parquet.shards import SHARD_BYTES, SHARD_ROWS


class SplitRatios(NamedTuple):
    """Measured ratios between songs and what is made of them; docs/explanation/cluster-costs.md says how.

    Attributes:
        tracks: new tracks of a song.
        links: of a song.
        track_bytes: bytes that a byte of a song takes in the table of tracks.
        row_bytes: bytes that a song takes in each of the tables of paths, of songs and in plans.
        link_bytes: bytes that a link takes.
        core_seconds_a: processor time of pass A for a song.
        core_seconds_c: of pass C for a song.
        core_seconds_b: of pass B for a digest.
    """

    tracks: float = 2.5
    links: float = 4.0
    track_bytes: float = 0.25
    row_bytes: float = 60.0
    link_bytes: float = 40.0
    core_seconds_a: float = 0.00054
    core_seconds_c: float = 0.00065
    core_seconds_b: float = 5e-7


class ChunkSize(NamedTuple):
    """Counts of a chunk.

    Attributes:
        reads: requests that read the songs.
    """

    songs: int
    size: int
    reads: int


class CostEstimate(NamedTuple):
    """The use of a generation, before it is made.

    Attributes:
        songs: that are new or have changed.
        size: bytes of them.
        chunks: tasks of passes A and C.
        prefixes: tasks of pass B.
        by_pass: use of each pass, and of ``plan`` and ``commit`` by the process that begins.
    """

    songs: int
    size: int
    chunks: int
    prefixes: int
    by_pass: dict[str, Usage]

    @property
    def total(self) -> Usage:
        """The sum of all passes."""
        return total_usage(self.by_pass.values())


def measure_chunks(songs: Iterable[ListedSong], count: int, limits: ChunkLimits) -> list[ChunkSize]:
    """Return the sizes of the chunks into which a plan divides songs.

    Args:
        songs: in the order of their paths.
        count: about the number of songs of the source.
        limits: of chunks.
    """
    chunks = []
    for _, chunk in divide(songs, limits.songs_for(count), limits.max_bytes):
        songs_in_it = size = reads = 0
        for song in chunk:
            songs_in_it, size, reads = songs_in_it + 1, size + song.size, reads + _reads_of(song)
        chunks.append(ChunkSize(songs_in_it, size, reads))
    return chunks


def estimate_cost(
    chunks: Sequence[ChunkSize],
    prefixes: int,
    listed: int,
    earlier: int = 0,
    ratios: SplitRatios | None = None,
) -> CostEstimate:
    """Return what a generation will use if one process does all of it.

    Each further process reads the records of passes A and B once more.

    Args:
        chunks: of the generation.
        prefixes: of the result.
        listed: songs of the source.
        earlier: generations that the result has.
        ratios: between songs and what is made of them.
    """
    estimate = _Estimate(chunks, prefixes, listed, earlier, ratios or SplitRatios())
    by_pass = {
        "plan": estimate.plan(),
        "a": estimate.pass_a(),
        "b": estimate.pass_b(),
        "c": estimate.pass_c(),
        "commit": estimate.commit(),
    }
    size = sum(chunk.size for chunk in chunks)
    return CostEstimate(sum(chunk.songs for chunk in chunks), size, len(chunks), prefixes, by_pass)


class _Estimate:
    def __init__(
        self, chunks: Sequence[ChunkSize], prefixes: int, listed: int, earlier: int, ratios: SplitRatios
    ) -> None:
        self._chunks = chunks
        self._prefixes = prefixes
        self._listed = listed
        self._earlier = earlier
        self._ratios = ratios
        self._songs = sum(chunk.songs for chunk in chunks)
        self._size = sum(chunk.size for chunk in chunks)
        per_song = 1 + ratios.tracks
        self._digests = int(self._songs * per_song)
        self._lanes = sum(min(prefixes, int(chunk.songs * per_song)) for chunk in chunks)
        """Ranges of digests of one prefix in one chunk that have any."""

    def plan(self) -> Usage:
        rows = int(self._songs * self._ratios.row_bytes)
        known = self._earlier * len(self._chunks)  # tables of paths, which are as many as chunks were
        return _usage(
            gets=6 + known + (0 if self._earlier else min(self._songs, SAMPLED_SONGS)),
            puts=12 + len(self._chunks),
            lists=_pages(self._listed) + 5,
            heads=1,
            deletes=1,
            bytes_written=rows,
        )

    def pass_a(self) -> Usage:
        count, ratios = len(self._chunks), self._ratios
        parts = sum(-(-chunk.size // PART_BYTES) for chunk in self._chunks)
        rows = int(self._songs * ratios.row_bytes)
        return _usage(
            tasks=count,
            core_seconds=self._songs * ratios.core_seconds_a,
            gets=count + sum(chunk.reads for chunk in self._chunks),
            puts=parts + 4 * count,
            lists=_pages(count),
            heads=count,
            bytes_read=self._size + rows,
            bytes_written=self._size + self._songs * ROW_BYTES + self._digests * DIGEST_BYTES + rows,
        )

    def pass_b(self) -> Usage:
        count, size = self._prefixes, self._digests * DIGEST_BYTES
        return _usage(
            tasks=count,
            core_seconds=self._digests * self._ratios.core_seconds_b,
            gets=len(self._chunks) + self._lanes + count * self._earlier,
            puts=3 * count,
            lists=_pages(count),
            heads=count,
            bytes_read=size,
            bytes_written=size + self._digests // 8,
        )

    def pass_c(self) -> Usage:
        count, ratios = len(self._chunks), self._ratios
        ranges = sum(-(-chunk.size // RANGE_BYTES) for chunk in self._chunks)
        track_bytes = int(self._size * ratios.track_bytes)
        links = int(self._songs * ratios.links)
        row_bytes = int(self._songs * ratios.row_bytes)
        return _usage(
            tasks=count,
            core_seconds=self._songs * ratios.core_seconds_c,
            gets=self._prefixes + 4 * count + self._lanes + ranges,
            puts=sum(map(self._shards_of, self._chunks)) + 2 * count,
            lists=_pages(count),
            heads=count,
            bytes_read=self._size
            + self._digests * DIGEST_BYTES
            + self._digests // 8
            + row_bytes
            + 2 * self._songs * ROW_BYTES,
            bytes_written=track_bytes + int(links * ratios.link_bytes) + row_bytes,
        )

    def commit(self) -> Usage:
        count = len(self._chunks)
        work = count * 8 + 2 * self._prefixes + sum(-(-chunk.size // PART_BYTES) for chunk in self._chunks)
        shards = sum(map(self._shards_of, self._chunks)) + 2 * count
        return _usage(
            gets=self._prefixes + count + 1,
            puts=1,
            lists=_pages(work) + _pages(shards + self._prefixes) + 8,
            deletes=_pages(work),
        )

    def _shards_of(self, chunk: ChunkSize) -> int:
        """Return the shards of tracks and of links that a chunk makes."""
        ratios = self._ratios
        by_rows = -(-int(chunk.songs * ratios.tracks) // SHARD_ROWS)
        by_size = -(-int(chunk.size * ratios.track_bytes) // SHARD_BYTES)
        return max(by_rows, by_size, 1) + max(1, -(-int(chunk.songs * ratios.links) // LINKS_PER_SHARD))


def _usage(
    tasks: int = 0,
    core_seconds: float = 0.0,
    gets: int = 0,
    puts: int = 0,
    lists: int = 0,
    heads: int = 0,
    deletes: int = 0,
    bytes_read: int = 0,
    bytes_written: int = 0,
) -> Usage:
    counts = RequestCounts(gets, puts, lists, heads, deletes, bytes_read, bytes_written)
    return Usage(tasks, core_seconds=core_seconds, requests=counts)


def _pages(count: int) -> int:
    """Return the requests that list or remove so many objects."""
    return max(1, -(-count // KEYS_PER_REQUEST))


def _reads_of(song: ListedSong) -> int:
    return 1 if song.size <= SMALL_SONG_BYTES else -(-song.size // SONG_RANGE_BYTES)


def seconds_on(estimate: CostEstimate, machines: int, cores: int) -> float:
    """Return the time of a run, if storage answers as fast as it is asked.

    A machine does one task at a time. Passes A and C use all its processors, pass B uses one. Each pass ends
    before the next begins.

    Args:
        estimate: of the run.
        machines: number of machines.
        cores: processors of each.
    """
    total = 0.0
    for name, usage in estimate.by_pass.items():
        if usage.tasks:
            rounds = -(-usage.tasks // machines)
            used_cores = 1 if name == "b" else cores
            total += rounds * usage.core_seconds / usage.tasks / used_cores
    return total
