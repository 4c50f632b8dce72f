"""Groups the songs of a library, so that a data set made of it can be divided without leaks.

Versions and copies of a song are found by their titles (``title_keys``) and by the notes of whole tracks:
two long tracks with the same onsets and pitches are not in two songs by chance. Where the songs that share
similar tracks are known, they are in one group too. Only songs with tracks are grouped.

What many groups share is boilerplate, and would connect everything with everything. So songs are first
joined by what at most ``MAX_GROUPS`` of them share; then what more songs share joins them if they are in at
most that many of the groups made so far. The order of songs, titles and tracks does not change the result,
and memory holds a few numbers for each.
"""

from array import array
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from midiprism.results.title_key import folder_title_keys, title_keys

MIN_NOTES = 32
"""A track with fewer notes groups no songs."""

MAX_GROUPS = 50
"""A title, or the notes of a track, in more groups of songs joins none of them."""

MAX_TITLES_PER_SONG = 10
"""A content with more different titles is under most of them by mistake: none counts."""

MAX_SONGS_PER_FOLDER = 12
"""A folder with more songs whose titles are numbers is a collection: its name is not the title of a song."""

FOLDS = 10

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
GroupKeys = NDArray[np.uint64]

_DIGEST_PREFIX_BYTES = 8  # bytes of a digest: 16 hex digits
_NO_FOLDER = 0
_PATHS_AT_ONCE = 5_000


class NoteHashes(NamedTuple):
    """Pairs of a song and the hash of a track of it, as arrays of one length, in any order, also repeated.

    Attributes:
        songs: numbers of songs, from 0.
        hashes: of the notes of the track.
    """

    songs: IntArray
    hashes: IntArray


class TitleHashes(NamedTuple):
    """Pairs of a song and a title of it, as arrays of one length, in any order; a song may have several.

    Attributes:
        songs: numbers of songs, from 0.
        hashes: of title keys.
        folders: hashes of the folders whose names are these titles; 0 for titles of the songs themselves.
    """

    songs: IntArray
    hashes: IntArray
    folders: IntArray


class SimilarSongs(NamedTuple):
    """Songs and the groups of similar songs that they are in, as arrays of one length, in any order.

    Attributes:
        songs: numbers of songs, from 0.
        groups: numbers of the groups, see ``midiprism.similarity``.
    """

    songs: IntArray
    groups: IntArray


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
    songs, hashes, folders = array("q"), array("q"), array("q")
    rest = iter(paths)
    while part := list(islice(rest, _PATHS_AT_ONCE)):
        for (song, path), key in zip(part, title_keys([path for _, path in part]), strict=True):
            for title, folder in ((key, None),) if key is not None else folder_title_keys(path):
                songs.append(song)
                hashes.append(hash(title))
                folders.append(_NO_FOLDER if folder is None else hash(folder))
    return TitleHashes(*(np.array(column, np.int64) for column in (songs, hashes, folders)))


def joined_prefixes(digests: Iterable[bytes]) -> bytes:
    """Return the first 8 bytes of each digest, joined: an object for each would take far more memory."""
    return b"".join([digest[:_DIGEST_PREFIX_BYTES] for digest in digests])


def prefix_numbers(prefixes: bytes | bytearray) -> GroupKeys:
    """Return joined prefixes of digests as numbers, of which the first byte is the highest."""
    return np.frombuffer(prefixes, ">u8").astype(np.uint64)


def group_songs(
    prefixes: GroupKeys,
    has_tracks: BoolArray,
    titles: TitleHashes,
    notes: NoteHashes,
    similar: SimilarSongs | None = None,
) -> GroupKeys:
    """Return the group of each song, as a number for ``leakage_group``.

    Args:
        prefixes: of the digests of the songs, as ``prefix_numbers`` returns them; the first is of song 0.
        has_tracks: whether each song has tracks.
        titles: from the paths at which they were found.
        notes: of the tracks with at least ``MIN_NOTES`` notes; those that only one song has may be left out.
        similar: songs that share music; these are joined however many they are. None where it is not known.

    Returns:
        A number for each song. A song that shares nothing is a group of its own.
    """
    roots = np.arange(len(prefixes), dtype=np.int64)
    if similar is not None:
        _join(roots, *_distinct(*similar))
    shared = [shared_by_songs(*_trusted_titles(titles, has_tracks)), shared_by_songs(*notes)]
    del notes, titles
    for songs, keys in shared:
        _join(roots, *_only(_counts(keys) <= MAX_GROUPS, songs, keys))
    many = []
    for songs, keys in shared:
        wide = _counts(keys) > MAX_GROUPS
        groups, group_keys = shared_by_songs(roots[songs[wide]], keys[wide])
        few = _counts(group_keys) <= MAX_GROUPS
        many.append((groups[few], group_keys[few]))
    for songs, keys in many:
        _join(roots, songs, keys)
    least = prefixes.copy()
    np.minimum.at(least, roots, prefixes)
    return least[roots]


def leakage_group(key_number: int) -> LeakageGroup:
    """Return the group of a number that ``group_songs`` gave."""
    key = b"%016x" % key_number
    return LeakageGroup(key.decode(), int.from_bytes(blake3(key).digest(8), "big") % FOLDS)


SongKeys = tuple[IntArray, IntArray]
"""Songs, and what they share with others: arrays of one length."""


def _trusted_titles(titles: TitleHashes, has_tracks: BoolArray) -> SongKeys:
    """Return the titles of songs with tracks, without those of collections and of songs with many titles."""
    songs, hashes, folders = (column[has_tracks[titles.songs]] for column in titles)
    named = folders != _NO_FOLDER
    _, named_folders = _distinct(songs[named], folders[named])
    collections = named_folders[_counts(named_folders) > MAX_SONGS_PER_FOLDER]
    kept = ~(named & np.isin(folders, collections))
    hashes, songs = _distinct(hashes[kept], songs[kept])
    few = _counts(songs) <= MAX_TITLES_PER_SONG
    return songs[few], hashes[few]


def _distinct(values: IntArray, keys: IntArray) -> SongKeys:
    """Return each pair of a value and a key once, sorted by the key, then by the value."""
    order = np.lexsort((values, keys))
    values, keys = values[order], keys[order]
    del order
    once = np.ones(len(keys), np.bool_)
    once[1:] = (values[1:] != values[:-1]) | (keys[1:] != keys[:-1])
    return _only(once, values, keys)


def _only(is_kept: BoolArray, values: IntArray, keys: IntArray) -> SongKeys:
    """Return some of the pairs of values and keys; all of them are not copied, which may take much memory."""
    return (values, keys) if is_kept.all() else (values[is_kept], keys[is_kept])


def _counts(sorted_keys: IntArray) -> NDArray[np.int32]:
    """Return for each key how often it is there."""
    is_first = np.ones(len(sorted_keys), np.bool_)
    is_first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    counts = np.diff(np.append(np.flatnonzero(is_first), len(sorted_keys)))
    return np.repeat(counts.astype(np.int32), counts)


def shared_by_songs(songs: IntArray, keys: IntArray) -> SongKeys:
    """Return the distinct pairs of a song and a key that several songs have, sorted by the key."""
    songs, keys = _distinct(songs, keys)
    return _only(_counts(keys) > 1, songs, keys)


def _join(roots: IntArray, songs: IntArray, sorted_keys: IntArray) -> None:
    """Connect the songs of each key; ``roots`` has the smallest song that each song is connected with."""
    same = sorted_keys[1:] == sorted_keys[:-1]
    left, right = songs[:-1][same], songs[1:][same]
    while True:
        left, right = roots[left], roots[right]
        apart = left != right
        if not apart.any():
            return
        left, right = left[apart], right[apart]
        # The greater of two roots gets the smaller as its root, so there are no cycles; then paths shrink.
        np.minimum.at(roots, np.maximum(left, right), np.minimum(left, right))
        above = roots[roots]
        while not np.array_equal(above, roots):
            roots[:], above = above, above[above]
