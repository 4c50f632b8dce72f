"""The table of songs of a result in shards: derived from the catalogue, replaced whole."""

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog import Catalog
from midiprism.catalog.songs import (
    SongFacts,
    last_commit,
    song_digests,
    song_paths,
    song_tracks,
    songs,
)
from midiprism.run.grouping import FEWEST_NOTES, Keys, Links, Numbers, group, group_songs
from midiprism.store.columns import SongRow, path_texts
from midiprism.store.parquet import ParquetStore

_SMPTE = 0x8000
_PREFIX = 8  # bytes of a digest that a group is known by
_TOGETHER = 10_000


def is_told(catalog: Catalog, shards: ParquetStore) -> bool:
    """Whether the table of songs is there as of the last commit."""
    with catalog.view() as connection:
        return shards.songs_commit() == last_commit(connection)


def write_songs(catalog: Catalog, shards: ParquetStore) -> int:
    """Write the table of songs as of the last commit; how many they are.

    Args:
        catalog: open, with no transaction.

    Raises:
        StoreError: it cannot be written. The one before is left.
        CatalogError: the catalogue cannot be read.
    """
    with catalog.view() as connection:
        commit = last_commit(connection)
        numbers = array("q")
        digests: list[bytes] = []
        for number, digest in song_digests(connection):
            numbers.append(number)
            digests.append(digest[:_PREFIX])
        order = np.array(numbers, np.int64)
        titles = _titles(song_paths(connection), order)
        keys = group_songs(digests, titles, _links(song_tracks(connection, FEWEST_NOTES), order))
        rows = (song_row(song, keys, at) for at, song in enumerate(songs(connection)))
        return shards.write_songs(rows, commit)


def _titles(paths: Iterable[tuple[int, str]], order: Numbers) -> Iterator[tuple[int, str]]:
    """Paths with the places of their songs in ``order``, which holds all numbers of songs, sorted."""
    waiting = iter(paths)
    while part := list(islice(waiting, _TOGETHER)):
        places, there = _places([number for number, _ in part], order)
        yield from ((at, title) for at, (_, title), known in zip(places, part, there, strict=True) if known)


def _links(links: Iterable[tuple[int, int]], order: Numbers) -> Links:
    songs, tracks = array("q"), array("q")
    for song, track in links:
        songs.append(song)
        tracks.append(track)
    places, there = _places(songs, order)
    return Links(places[there], np.array(tracks, np.int64)[there])


def _places(numbers: Sequence[int], order: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Where these numbers are in ``order``, and whether they are there: not all songs could be read."""
    wanted = np.array(numbers, np.int64)
    places = np.searchsorted(order, wanted).clip(max=max(0, len(order) - 1))
    there = order[places] == wanted if len(order) else np.zeros(len(wanted), bool)
    return places.astype(np.int64), there


def song_row(song: SongFacts, keys: Keys, at: int) -> SongRow:
    """The row of a song, the ``at``-th of those that ``keys`` are of."""
    text, octets = below_source(song.path, song.root_length)
    key, fold = group(int(keys[at]))
    division = song.division
    return SongRow(
        song.digest,
        text,
        octets,
        song.size,
        song.outcome,
        song.format,
        song.num_tracks,
        None if division is None or division <= 0 or division & _SMPTE else division,
        song.duration_ticks,
        song.duration_seconds,
        song.splits,
        key,
        fold,
    )


def below_source(path: bytes | None, root_length: int | None) -> tuple[str | None, bytes | None]:
    """A song's path below its source folder as text, and as bytes where no text can say it."""
    if path is None:
        return None, None
    return path_texts(path[root_length or 0 :].replace(os.fsencode(os.sep), b"/"))
