"""The table of songs of a result in shards: derived from the catalogue, replaced whole."""

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from midiprism.catalog import Address, Catalog, open_read_only
from midiprism.catalog.queries.song_rows import (
    SongColumns,
    last_commit_id,
    short_track_ids,
    song_digests,
    song_names,
    song_track_ids,
)
from midiprism.catalog.queries.song_rows import (
    song_columns as read_song_columns,
)
from midiprism.results.background import Background, run_inline
from midiprism.results.leakage_groups import (
    MIN_NOTES,
    GroupKeys,
    IntArray,
    TitleHashes,
    TrackLinks,
    group_songs,
    hash_titles,
    leakage_group,
)
from midiprism.stores.parquet.schema import ColumnValues, path_text_and_bytes
from midiprism.stores.parquet.store import ParquetStore

_SEPARATOR = os.fsencode(os.sep)
_SMPTE_FLAG = 0x8000
_DIGEST_PREFIX_BYTES = 8  # bytes of a digest that a group is known by


def is_current(catalog: Catalog, shards: ParquetStore) -> bool:
    """Whether the table of songs is there as of the last commit."""
    with catalog.read_transaction() as connection:
        return shards.songs_table_commit() == last_commit_id(connection)


def write_songs_table(
    catalog: Catalog, shards: ParquetStore, run_in_background: Background = run_inline
) -> int:
    """Write the table of songs as of the last commit; how many they are.

    Args:
        catalog: open, with no transaction.
        shards: where to.
        aside: does a part of it meanwhile.

    Raises:
        StoreError: it cannot be written. The one before is left.
        CatalogError: the catalogue cannot be read.
    """
    titles = run_in_background(load_titles, catalog.address)
    with catalog.read_transaction() as connection:
        commit = last_commit_id(connection)
        numbers = array("q")
        digests: list[bytes] = []
        for part in song_digests(connection):
            numbers.extend([number for number, _ in part])
            digests += [digest[:_DIGEST_PREFIX_BYTES] for _, digest in part]
        order = np.array(numbers, np.int64)
        short = array("q")
        for few in short_track_ids(connection, MIN_NOTES):
            short.extend([number for (number,) in few])
        links = _links_by_position(song_track_ids(connection), np.array(short, np.int64), order)
        keys = group_songs(digests, _titles_by_position(titles(), order), links)
        return shards.write_songs_table(song_columns(read_song_columns(connection), keys), commit)


def load_titles(address: Address) -> TitleHashes:
    """The titles of all songs, by their numbers in the catalogue.

    Raises:
        CatalogError: the catalogue cannot be read.
    """
    with open_read_only(address) as catalog, catalog.read_transaction() as connection:
        return hash_titles(chain.from_iterable(song_names(connection)))


def _titles_by_position(titles: TitleHashes, song_ids: IntArray) -> TitleHashes:
    """The same with the places of the songs in ``order``, which holds all numbers of songs, sorted."""
    places, there = _find_positions(titles.songs, song_ids)
    return TitleHashes(places[there], titles.hashes[there])


def _links_by_position(
    track_lists: Iterable[Sequence[tuple[int, str]]], short_track_ids: IntArray, song_ids: IntArray
) -> TrackLinks:
    """The tracks of songs but for the ``short`` ones, with the places of the songs in ``order``."""
    songs, tracks = [song_ids[:0]], [song_ids[:0]]
    for part in track_lists:
        numbers, texts = zip(*part, strict=True)
        songs.append(np.repeat(np.array(numbers, np.int64), [text.count(",") + 1 for text in texts]))
        tracks.append(np.fromstring(",".join(texts), np.int64, sep=","))
    places, there = _find_positions(np.concatenate(songs), song_ids)
    found = np.concatenate(tracks)
    wanted = there & np.isin(found, short_track_ids, invert=True)
    return TrackLinks(places[wanted], found[wanted])


def _find_positions(wanted_ids: IntArray, sorted_ids: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """Where these numbers are in ``order``, and whether they are there: not all songs could be read."""
    places = np.searchsorted(sorted_ids, wanted_ids).clip(max=max(0, len(sorted_ids) - 1))
    there = sorted_ids[places] == wanted_ids if len(sorted_ids) else np.zeros(len(wanted_ids), bool)
    return places.astype(np.int64), there


def song_columns(parts: Iterable[SongColumns], group_keys: GroupKeys) -> Iterator[ColumnValues]:
    """The cells of ``ParquetSong`` for all songs; ``keys`` are of the same songs, in the same order."""
    first = 0
    for part in parts:
        told = group_keys[first : first + len(part.id)].tolist()
        first += len(part.id)
        groups = {number: leakage_group(number) for number in set(told)}
        quarters = {division: ticks_per_quarter(division) for division in set(part.division)}
        paths, paths_as_bytes = _relative_paths(part.path, part.root_length)
        song_groups, folds = zip(*map(groups.__getitem__, told), strict=True)
        yield {
            "blake3": part.digest,
            "path": paths,
            "path_bytes": paths_as_bytes,
            "size": part.size,
            "outcome": part.outcome,
            "format": part.format,
            "num_tracks": part.num_tracks,
            "ticks_per_quarter": list(map(quarters.__getitem__, part.division)),
            "duration_ticks": part.duration_ticks,
            "duration_seconds": part.duration_seconds,
            "track_count": part.link_count,
            "song_group": song_groups,
            "fold": folds,
        }


def ticks_per_quarter(division: int | None) -> int | None:
    """What a song's header says of them; None where it counts in frames, or says nothing."""
    return None if division is None or division <= 0 or division & _SMPTE_FLAG else division


def _relative_paths(
    paths: Sequence[bytes | None], root_lengths: Sequence[int | None]
) -> tuple[Sequence[str | None], Sequence[bytes | None]]:
    """Songs' paths below their source folders as texts, and as bytes where no text can say one."""
    told = [
        (None, None) if path is None else path_text_and_bytes(path[length:].replace(_SEPARATOR, b"/"))
        for path, length in zip(paths, root_lengths, strict=True)
    ]
    return [text for text, _ in told], [octets for _, octets in told]
