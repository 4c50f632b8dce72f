"""Digests of songs and tracks, sorted and divided by prefix: what the passes exchange instead of music.

An object of digests has 2 * P lanes: for each of P prefixes the songs, then the tracks, each lane sorted. A
digest takes 16 bytes. Which of them a chunk has first is stated by bits, one per digest in the same order.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGEST_BYTES = 16
"""Leading bytes of a BLAKE3 digest: among 10**10 tracks, two share them with a chance of 10**-19."""

SONG_LANE, TRACK_LANE = 0, 1
MAX_PREFIXES = 4_096
MIN_PREFIXES = 4
SONGS_PER_PREFIX = 500_000


def prefixes_for(songs: int) -> int:
    """Return the number of prefixes of a new result: a power of two, so that tasks of pass B stay small."""
    count = MIN_PREFIXES
    while count < MAX_PREFIXES and count * SONGS_PER_PREFIX < songs:
        count *= 2
    return count


def encode_digests(
    songs: Collection[bytes], tracks: Collection[bytes], prefixes: int
) -> tuple[bytes, list[int]]:
    """Return the lanes of digests, joined, and the number of digests in each lane."""
    sorted_songs, song_counts = _sort(songs, prefixes)
    sorted_tracks, track_counts = _sort(tracks, prefixes)
    parts: list[bytes] = []
    counts: list[int] = []
    song_at = track_at = 0
    for song_count, track_count in zip(song_counts, track_counts, strict=True):
        song_end = song_at + song_count * DIGEST_BYTES
        track_end = track_at + track_count * DIGEST_BYTES
        parts += [sorted_songs[song_at:song_end], sorted_tracks[track_at:track_end]]
        counts += [song_count, track_count]
        song_at, track_at = song_end, track_end
    return b"".join(parts), counts


def lane_starts(counts: Sequence[int]) -> list[int]:
    """Return the byte at which each lane begins, and last the size of all."""
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count * DIGEST_BYTES)
    return starts


def prefix_of(digest: bytes, prefixes: int) -> int:
    """Return the number of the prefix that a digest has."""
    return int.from_bytes(digest[:2], "big") * prefixes >> 16


def bits_sizes(counts: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Return the bytes of the bits of a chunk for each prefix.

    Args:
        counts: for each prefix the number of its songs and that of its tracks.
    """
    sizes: NDArray[np.int64] = (-(-counts // 8)).sum(axis=1)
    return sizes


def first_bits(
    joined: bytes | bytearray, sizes: Sequence[int], known: Iterable[bytes]
) -> tuple[list[bytes], bytes]:
    """Return which digests each chunk is the first to have.

    Args:
        joined: the same lane of every chunk, in the order of the chunks.
        sizes: number of digests in each of them.
        known: the same lane of earlier generations: none of their digests is new.

    Returns:
        The bits of each lane, and all new digests, sorted and joined.
    """
    import numpy as np

    halves = np.frombuffer(joined, ">u8").reshape(-1, 2)
    order = _order(halves)
    high = halves[:, 0][order].astype(np.uint64)
    is_first = np.ones(len(order), bool)
    np.not_equal(high[1:], high[:-1], out=is_first[1:])
    del high
    # Digests that share their leading half are nearly always the same.
    at = np.flatnonzero(~is_first)
    is_first[at] = halves[order[at], 1] != halves[order[at - 1], 1]
    del at
    for earlier in known:
        index = as_array(earlier)
        if len(index):
            ordered = as_array(joined)[order]
            places = np.minimum(np.searchsorted(index, ordered), len(index) - 1)
            is_first &= index[places] != ordered
    chosen = order[is_first]
    flags = np.zeros(len(order), bool)
    flags[chosen] = True
    bits: list[bytes] = []
    start = 0
    for size in sizes:
        bits.append(np.packbits(flags[start : start + size]).tobytes())
        start += size
    return bits, halves[chosen].tobytes()


def _order(halves: "NDArray[np.uint64]") -> "NDArray[np.intp]":
    """Return the order in which digests are sorted, equal ones as they are.

    Args:
        halves: the two halves of each digest as numbers. To sort by one is faster than to compare bytes.
    """
    import numpy as np

    order = np.argsort(halves[:, 0].astype(np.uint64), kind="stable")
    high = halves[:, 0][order]
    ends = np.flatnonzero(high[1:] == high[:-1])
    if not (halves[order[ends], 1] <= halves[order[ends + 1], 1]).all():
        order = np.lexsort((halves[:, 1], halves[:, 0]))
    return order


def are_in(lane: bytes | bytearray, others: Iterable[bytes | bytearray]) -> "NDArray[np.bool_]":
    """Return for each digest of a lane whether it is in one of several sorted lanes."""
    import numpy as np

    wanted = as_array(lane)
    found = np.zeros(len(wanted), bool)
    for other in others:
        index = as_array(other)
        if len(index):
            places = np.minimum(np.searchsorted(index, wanted), len(index) - 1)
            found |= index[places] == wanted
    return found


def chosen(lane: bytes | bytearray, flags: "NDArray[np.bool_]") -> bytes:
    """Return the digests of a lane whose flags are set, joined."""
    return as_array(lane)[flags].tobytes()


def packed(flags: "NDArray[np.bool_]") -> bytes:
    """Return flags as bits."""
    import numpy as np

    return np.packbits(flags).tobytes()


def union(lanes: Iterable[bytes | bytearray]) -> bytes:
    """Return the digests of several lanes, each once, sorted and joined."""
    import numpy as np

    return np.unique(as_array(b"".join(lanes))).tobytes()


def select(lane: bytes, bits: bytes) -> list[bytes]:
    """Return the digests of a lane whose bits are set."""
    import numpy as np

    flags = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(lane) // DIGEST_BYTES)
    starts = (np.flatnonzero(flags) * DIGEST_BYTES).tolist()
    return [lane[start : start + DIGEST_BYTES] for start in starts]


def as_array(lane: bytes | bytearray | memoryview) -> "NDArray[np.bytes_]":
    """Return a lane as an array, which compares digests as bytes."""
    import numpy as np

    array: Any = np.frombuffer(lane, f"S{DIGEST_BYTES}")
    return array  # type: ignore[no-any-return]


def _sort(digests: Collection[bytes], prefixes: int) -> tuple[bytes, list[int]]:
    """Return the digests sorted and joined, and how many of them have each prefix."""
    ordered = sorted(digest[:DIGEST_BYTES] for digest in digests)
    counts = [0] * prefixes
    for digest in ordered:
        counts[prefix_of(digest, prefixes)] += 1
    return b"".join(ordered), counts
