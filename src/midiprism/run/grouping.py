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

from midiprism.run.titles import title_key

FEWEST_NOTES = 32
"""A track of fewer notes groups no songs."""

MOST_SONGS = 50
"""A track of more songs groups none of them."""

FOLDS = 10

Numbers = NDArray[np.int64]
Keys = NDArray[np.uint64]

_PREFIX = 8  # bytes of a digest: 16 hex digits


class Links(NamedTuple):
    """Which tracks are in which songs, as arrays of one length, in any order; doubles do no harm.

    Attributes:
        songs: numbers of songs, from 0.
        tracks: numbers of tracks: any, but the same for the same content.
    """

    songs: Numbers
    tracks: Numbers


class Titles(NamedTuple):
    """The titles of songs, as arrays of one length, in any order; a song may have several, or none.

    Attributes:
        songs: numbers of songs, from 0.
        hashes: of what versions and copies have in common: the same for the same.
    """

    songs: Numbers
    hashes: Numbers


class Group(NamedTuple):
    """What a song is told of the group that it belongs to.

    Attributes:
        key: the first 16 hex digits of the bytewise smallest digest among the group's songs.
        fold: 0 to 9, the same for a whole group, from the BLAKE3 of its key.
    """

    key: str
    fold: int


def titles_of(paths: Iterable[tuple[int, str]]) -> Titles:
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
    return Titles(np.array(songs, np.int64), np.array(hashes, np.int64))


def group_songs(digests: Iterable[bytes], titles: Titles, links: Links) -> Keys:
    """The group of each song, as a number from which ``group`` tells the rest.

    Args:
        digests: of the songs' contents; the first is of song 0.
        titles: of the paths under which they were seen.
        links: the tracks of at least ``FEWEST_NOTES`` notes. Those of one song alone may be left out.

    Returns:
        A number for each song. A song that shares nothing is a group of its own.
    """
    prefixes = np.frombuffer(b"".join(digest[:_PREFIX] for digest in digests), ">u8").astype(np.uint64)
    titled, shared = _neighbours(*titles), _pairs_by_track(links)
    roots = _components(
        len(prefixes), np.concatenate([titled[0], shared[0]]), np.concatenate([titled[1], shared[1]])
    )
    least = prefixes.copy()
    np.minimum.at(least, roots, prefixes)
    return least[roots]


def group(number: int) -> Group:
    """What to tell a song of its group; ``number`` is one of those that ``group_songs`` gives."""
    key = b"%016x" % number
    return Group(key.decode(), int.from_bytes(blake3(key).digest(8), "big") % FOLDS)


Pairs = tuple[Numbers, Numbers]
"""Songs that belong together, two by two."""


def _pairs_by_track(links: Links) -> Pairs:
    order = np.lexsort((links.songs, links.tracks))
    songs, tracks = links.songs[order], links.tracks[order]
    once = np.ones(len(songs), bool)
    once[1:] = (songs[1:] != songs[:-1]) | (tracks[1:] != tracks[:-1])
    songs, tracks = songs[once], tracks[once]
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(tracks)), bool), tracks[1:] != tracks[:-1]]))
    counts = np.diff(np.append(starts, len(tracks)))
    few = np.repeat(counts <= MOST_SONGS, counts)
    return _neighbours(songs[few], tracks[few])


def _neighbours(songs: Numbers, keys: NDArray[Any]) -> Pairs:
    """Each two songs that follow one another among those of a key."""
    order = np.argsort(keys, kind="stable")
    songs, keys = songs[order], keys[order]
    same = keys[1:] == keys[:-1]
    return songs[:-1][same], songs[1:][same]


def _components(count: int, ones: Numbers, others: Numbers) -> Numbers:
    """For each of ``count`` numbers the one that stands for all that pairs connect it with."""
    roots = np.arange(count, dtype=np.int64)
    while True:
        ones, others = roots[ones], roots[others]
        apart = ones != others
        if not apart.any():
            return roots
        ones, others = ones[apart], others[apart]
        # The greater of two roots is hung below the smaller, so there are no circles; then paths are cut.
        np.minimum.at(roots, np.maximum(ones, others), np.minimum(ones, others))
        above = roots[roots]
        while not np.array_equal(above, roots):
            roots, above = above, above[above]
