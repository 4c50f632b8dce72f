"""Which songs of a library belong together, so that a data set made of it can be divided without leaks.

Versions and copies of a song are found by their titles, see ``titles.py``, and by whole tracks that they
share: a track of some length with the same notes, in the same tempo, is not in two songs by chance. What
stands in many songs is boilerplate, and would chain everything to everything.

No order of songs, titles or tracks changes the result, and memory holds a few numbers for each.
"""

from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from midiprism.results.title_key import title_key

MIN_NOTES = 32
"""A track of fewer notes groups no songs."""

MAX_SONGS_PER_TRACK = 50
"""A track of more songs groups none of them."""

FOLDS = 10

IntArray = NDArray[np.int64]
GroupKeys = NDArray[np.uint64]

_DIGEST_PREFIX_BYTES = 8  # bytes of a digest: 16 hex digits


class TrackLinks(NamedTuple):
    """Which tracks are in which songs, as arrays of one length, in any order; doubles do no harm.

    Attributes:
        songs: numbers of songs, from 0.
        tracks: numbers of tracks: any, but the same for the same content.
    """

    songs: IntArray
    tracks: IntArray


class TitleHashes(NamedTuple):
    """The titles of songs, as arrays of one length, in any order; a song may have several, or none.

    Attributes:
        songs: numbers of songs, from 0.
        hashes: of what versions and copies have in common: the same for the same.
    """

    songs: IntArray
    hashes: IntArray


class LeakageGroup(NamedTuple):
    """What a song is told of the group that it belongs to.

    Attributes:
        key: the first 16 hex digits of the bytewise smallest digest among the group's songs.
        fold: 0 to 9, the same for a whole group, from the BLAKE3 of its key.
    """

    key: str
    fold: int


def hash_titles(paths: Iterable[tuple[int, str]]) -> TitleHashes:
    """The titles of songs by their numbers and paths, as text; of what says nothing there is none.

    8 bytes of a hash for each, where the titles themselves would fill the memory. Only what one process has
    made is compared, so Python's own hash will do.
    """
    songs, hashes = array("q"), array("q")
    for song, path in paths:
        key = title_key(path)
        if key is not None:
            songs.append(song)
            hashes.append(hash(key))
    return TitleHashes(np.array(songs, np.int64), np.array(hashes, np.int64))


def group_songs(digests: Iterable[bytes], titles: TitleHashes, links: TrackLinks) -> GroupKeys:
    """The group of each song, as a number from which ``group`` tells the rest.

    Args:
        digests: of the songs' contents; the first is of song 0.
        titles: of the paths under which they were seen.
        links: the tracks of at least ``MIN_NOTES`` notes. Those of one song alone may be left out.

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
    """What to tell a song of its group; ``number`` is one of those that ``group_songs`` gives."""
    key = b"%016x" % key_number
    return LeakageGroup(key.decode(), int.from_bytes(blake3(key).digest(8), "big") % FOLDS)


SongPairs = tuple[IntArray, IntArray]
"""Songs that belong together, two by two."""


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
    """Each two songs that follow one another among those of a key."""
    order = np.argsort(keys, kind="stable")
    songs, keys = songs[order], keys[order]
    same = keys[1:] == keys[:-1]
    return songs[:-1][same], songs[1:][same]


def _connected_components(count: int, left: IntArray, right: IntArray) -> IntArray:
    """For each of ``count`` numbers the one that stands for all that pairs connect it with."""
    roots = np.arange(count, dtype=np.int64)
    while True:
        left, right = roots[left], roots[right]
        apart = left != right
        if not apart.any():
            return roots
        left, right = left[apart], right[apart]
        # The greater of two roots is hung below the smaller, so there are no circles; then paths are cut.
        np.minimum.at(roots, np.maximum(left, right), np.minimum(left, right))
        above = roots[roots]
        while not np.array_equal(above, roots):
            roots, above = above, above[above]
