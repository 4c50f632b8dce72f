"""The table of songs of a result in shards: derived from the catalogue, replaced whole."""

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog import Address, Catalog, read_catalog
from midiprism.catalog.songs import (
    SongColumns,
    last_commit,
    short_tracks,
    song_digests,
    song_paths,
    song_tracks,
    songs,
)
from midiprism.run.aside import Aside, here
from midiprism.run.grouping import FEWEST_NOTES, Keys, Links, Numbers, Titles, group, group_songs, titles_of
from midiprism.store.columns import Cells, path_texts
from midiprism.store.parquet import ParquetStore

_SEPARATOR = os.fsencode(os.sep)
_SMPTE = 0x8000
_PREFIX = 8  # bytes of a digest that a group is known by


def is_told(catalog: Catalog, shards: ParquetStore) -> bool:
    """Whether the table of songs is there as of the last commit."""
    with catalog.view() as connection:
        return shards.songs_commit() == last_commit(connection)


def write_songs(catalog: Catalog, shards: ParquetStore, aside: Aside = here) -> int:
    """Write the table of songs as of the last commit; how many they are.

    Args:
        catalog: open, with no transaction.
        shards: where to.
        aside: does a part of it meanwhile.

    Raises:
        StoreError: it cannot be written. The one before is left.
        CatalogError: the catalogue cannot be read.
    """
    titles = aside(numbered_titles, catalog.address)
    with catalog.view() as connection:
        commit = last_commit(connection)
        numbers = array("q")
        digests: list[bytes] = []
        for part in song_digests(connection):
            numbers.extend([number for number, _ in part])
            digests += [digest[:_PREFIX] for _, digest in part]
        order = np.array(numbers, np.int64)
        short = array("q")
        for few in short_tracks(connection, FEWEST_NOTES):
            short.extend([number for (number,) in few])
        links = _links(song_tracks(connection), np.array(short, np.int64), order)
        keys = group_songs(digests, _placed(titles(), order), links)
        return shards.write_songs(song_cells(songs(connection), keys), commit)


def numbered_titles(address: Address) -> Titles:
    """The titles of all songs, by their numbers in the catalogue.

    Raises:
        CatalogError: the catalogue cannot be read.
    """
    with read_catalog(address) as catalog, catalog.view() as connection:
        return titles_of(chain.from_iterable(song_paths(connection)))


def _placed(titles: Titles, order: Numbers) -> Titles:
    """The same with the places of the songs in ``order``, which holds all numbers of songs, sorted."""
    places, there = _places(titles.songs, order)
    return Titles(places[there], titles.hashes[there])


def _links(listed: Iterable[Sequence[tuple[int, str]]], short: Numbers, order: Numbers) -> Links:
    """The tracks of songs but for the ``short`` ones, with the places of the songs in ``order``."""
    songs, tracks = [order[:0]], [order[:0]]
    for part in listed:
        numbers, texts = zip(*part, strict=True)
        songs.append(np.repeat(np.array(numbers, np.int64), [text.count(",") + 1 for text in texts]))
        tracks.append(np.fromstring(",".join(texts), np.int64, sep=","))
    places, there = _places(np.concatenate(songs), order)
    found = np.concatenate(tracks)
    wanted = there & np.isin(found, short, invert=True)
    return Links(places[wanted], found[wanted])


def _places(numbers: Numbers, order: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Where these numbers are in ``order``, and whether they are there: not all songs could be read."""
    places = np.searchsorted(order, numbers).clip(max=max(0, len(order) - 1))
    there = order[places] == numbers if len(order) else np.zeros(len(numbers), bool)
    return places.astype(np.int64), there


def song_cells(parts: Iterable[SongColumns], keys: Keys) -> Iterator[Cells]:
    """The cells of ``SongRow`` for all songs; ``keys`` are of the same songs, in the same order."""
    first = 0
    for part in parts:
        told = keys[first : first + len(part.id)].tolist()
        first += len(part.id)
        groups = {number: group(number) for number in set(told)}
        quarters = {division: ticks_per_quarter(division) for division in set(part.division)}
        yield (
            part.digest,
            *_below_source(part.path, part.root_length),
            part.size,
            part.outcome,
            part.format,
            part.num_tracks,
            list(map(quarters.__getitem__, part.division)),
            part.duration_ticks,
            part.duration_seconds,
            part.splits,
            *zip(*map(groups.__getitem__, told), strict=True),
        )


def ticks_per_quarter(division: int | None) -> int | None:
    """What a song's header says of them; None where it counts in frames, or says nothing."""
    return None if division is None or division <= 0 or division & _SMPTE else division


def _below_source(
    paths: Sequence[bytes | None], root_lengths: Sequence[int | None]
) -> tuple[Sequence[str | None], Sequence[bytes | None]]:
    """Songs' paths below their source folders as texts, and as bytes where no text can say one."""
    told = [
        (None, None) if path is None else path_texts(path[length:].replace(_SEPARATOR, b"/"))
        for path, length in zip(paths, root_lengths, strict=True)
    ]
    return [text for text, _ in told], [octets for _, octets in told]
