"""Groups the songs of a library, so that a data set made of it can be divided without leaks.

Versions and copies of a song are found by their titles (``title_key``) and by whole tracks that they share: a
track of some length with the same notes, in the same tempo, is not in two songs by chance. A track in many
songs is boilerplate, and would connect everything with everything.

The order of songs, titles and tracks does not change the result, and memory holds a few numbers for each.
"""

from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from midiprism.results.title_key import title_key

MIN_NOTES = 32
"""A track with fewer notes groups no songs."""

MAX_SONGS_PER_TRACK = 50
"""A track in more songs groups none of them."""

FOLDS = 10

IntArray = NDArray[np.int64]
GroupKeys = NDArray[np.uint64]

_DIGEST_PREFIX_BYTES = 8  # bytes of a digest: 16 hex digits


class TrackLinks(NamedTuple):
    """Pairs of a song and a track of it, as arrays of one length, in any order; duplicates do no harm.

    Attributes:
        songs: numbers of songs, from 0.
        tracks: any numbers, the same for the same track.
    """

    songs: IntArray
    tracks: IntArray


class TitleHashes(NamedTuple):
    """Pairs of a song and a title of it, as arrays of one length, in any order; a song may have several.

    Attributes:
        songs: numbers of songs, from 0.
        hashes: of title keys.
    """

    songs: IntArray
    hashes: IntArray


class LeakageGroup(NamedTuple):
    """The group of a song.

    Attributes:
        key: the first 16 hex digits of the bytewise smallest digest among the group's songs.
        fold: 0 to 9, the same for a whole group, from the BLAKE3 of its key.
    """

    key: str
    fold: int


def hash_titles(paths: Iterable[tuple[int, str]]) -> TitleHashes:
    """Return the hashed titles of songs by their numbers and paths; songs with generic titles have none.

    Each title becomes a hash of 8 bytes, since the titles themselves would fill the memory. Only hashes of
    one process are compared, so Python's own hash will do.
    """
    songs, hashes = array("q"), array("q")
    for song, path in paths:
        key = title_key(path)
        if key is not None:
            songs.append(song)
            hashes.append(hash(key))
    return TitleHashes(np.array(songs, np.int64), np.array(hashes, np.int64))


def group_songs(digests: Iterable[bytes], titles: TitleHashes, links: TrackLinks) -> GroupKeys:
    """Return the group of each song, as a number for ``leakage_group``.

    Args:
        digests: of the songs; the first is of song 0.
        titles: from the paths at which they were found.
        links: the tracks with at least ``MIN_NOTES`` notes; those of only one song may be left out.

    Returns:
        A number for each song. A song that shares nothing is a group of its own.
    """
    prefixes = np.frombuffer(b"".join(digest[:_DIGEST_PREFIX_BYTES] for digest in digests), ">u8").astype(
        np.uint64
    )
    titled, shared = _adjacent_pairs(*titles), _pairs_by_track(links)
    roots = _connected_components(
        len(prefixes), np.concatenate([titled[0], shared[0]]), np.concatenate([titled[1], shared[1]])
    )
    least = prefixes.copy()
    np.minimum.at(least, roots, prefixes)
    return least[roots]


def leakage_group(key_number: int) -> LeakageGroup:
    """Return the group of a number that ``group_songs`` gave."""
    key = b"%016x" % key_number
    return LeakageGroup(key.decode(), int.from_bytes(blake3(key).digest(8), "big") % FOLDS)


SongPairs = tuple[IntArray, IntArray]
"""Pairs of songs that belong together."""


def _pairs_by_track(links: TrackLinks) -> SongPairs:
    order = np.lexsort((links.songs, links.tracks))
    songs, tracks = links.songs[order], links.tracks[order]
    once = np.ones(len(songs), bool)
    once[1:] = (songs[1:] != songs[:-1]) | (tracks[1:] != tracks[:-1])
    songs, tracks = songs[once], tracks[once]
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(tracks)), bool), tracks[1:] != tracks[:-1]]))
    counts = np.diff(np.append(starts, len(tracks)))
    few = np.repeat(counts <= MAX_SONGS_PER_TRACK, counts)
    return _adjacent_pairs(songs[few], tracks[few])


def _adjacent_pairs(songs: IntArray, keys: NDArray[Any]) -> SongPairs:
    """Return each two songs that follow one another among the songs of a key."""
    order = np.argsort(keys, kind="stable")
    songs, keys = songs[order], keys[order]
    same = keys[1:] == keys[:-1]
    return songs[:-1][same], songs[1:][same]


def _connected_components(count: int, left: IntArray, right: IntArray) -> IntArray:
    """Return for each of ``count`` numbers the smallest number that pairs connect it with."""
    roots = np.arange(count, dtype=np.int64)
    while True:
        left, right = roots[left], roots[right]
        apart = left != right
        if not apart.any():
            return roots
        left, right = left[apart], right[apart]
        # The greater of two roots gets the smaller as its root, so there are no cycles; then paths shrink.
        np.minimum.at(roots, np.maximum(left, right), np.minimum(left, right))
        above = roots[roots]
        while not np.array_equal(above, roots):
            roots, above = above, above[above]
