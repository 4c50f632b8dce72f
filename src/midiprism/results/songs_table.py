"""Writes the table of songs of a result in shards, which derives from the catalog."""

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
from midiprism.stores import ShardedTracks
from midiprism.stores.parquet.schema import ColumnValues, path_text_and_bytes

_SEPARATOR = os.fsencode(os.sep)
_SMPTE_FLAG = 0x8000
_DIGEST_PREFIX_BYTES = 8  # bytes of a digest that identify a group


def is_current(catalog: Catalog, shards: ShardedTracks) -> bool:
    """Return whether the table of songs is that of the last commit."""
    with catalog.read_transaction() as connection:
        return shards.songs_table_commit() == last_commit_id(connection)


def write_songs_table(
    catalog: Catalog, shards: ShardedTracks, run_in_background: Background = run_inline
) -> int:
    """Write the table of songs as of the last commit, and return how many songs it has.

    Args:
        catalog: open, with no transaction.
        shards: of the same result.
        run_in_background: runs a part of it in another process.

    Raises:
        StoreError: it cannot be written. The table before is left.
        CatalogError: the catalog cannot be read.
    """
    titles = run_in_background(load_titles, catalog.address)
    with catalog.read_transaction() as connection:
        commit = last_commit_id(connection)
        song_ids = array("q")
        digests: list[bytes] = []
        for part in song_digests(connection):
            song_ids.extend([song_id for song_id, _ in part])
            digests += [digest[:_DIGEST_PREFIX_BYTES] for _, digest in part]
        sorted_ids = np.array(song_ids, np.int64)
        short_ids = array("q")
        for rows in short_track_ids(connection, MIN_NOTES):
            short_ids.extend([track_id for (track_id,) in rows])
        links = _links_by_position(song_track_ids(connection), np.array(short_ids, np.int64), sorted_ids)
        keys = group_songs(digests, _titles_by_position(titles(), sorted_ids), links)
        return shards.write_songs_table(song_columns(read_song_columns(connection), keys), commit)


def load_titles(address: Address) -> TitleHashes:
    """Return the titles of all songs, by song id.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    with open_read_only(address) as catalog, catalog.read_transaction() as connection:
        return hash_titles(chain.from_iterable(song_names(connection)))


def _titles_by_position(titles: TitleHashes, sorted_ids: IntArray) -> TitleHashes:
    """Return titles with the positions of their songs in ``sorted_ids`` instead of song ids."""
    positions, present = _find_positions(titles.songs, sorted_ids)
    return TitleHashes(positions[present], titles.hashes[present])


def _links_by_position(
    track_lists: Iterable[Sequence[tuple[int, str]]], short_track_ids: IntArray, sorted_ids: IntArray
) -> TrackLinks:
    """Return the tracks of songs without short tracks, with the positions of the songs in ``sorted_ids``.

    Args:
        track_lists: song ids, each with the ids of its tracks as text, separated by commas.
    """
    songs, tracks = [sorted_ids[:0]], [sorted_ids[:0]]
    for part in track_lists:
        song_ids, texts = zip(*part, strict=True)
        songs.append(np.repeat(np.array(song_ids, np.int64), [text.count(",") + 1 for text in texts]))
        tracks.append(np.fromstring(",".join(texts), np.int64, sep=","))
    positions, present = _find_positions(np.concatenate(songs), sorted_ids)
    track_ids = np.concatenate(tracks)
    wanted = present & np.isin(track_ids, short_track_ids, invert=True)
    return TrackLinks(positions[wanted], track_ids[wanted])


def _find_positions(wanted_ids: IntArray, sorted_ids: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the positions of ids in ``sorted_ids``, and whether each is there: unreadable songs are not."""
    positions = np.searchsorted(sorted_ids, wanted_ids).clip(max=max(0, len(sorted_ids) - 1))
    present = sorted_ids[positions] == wanted_ids if len(sorted_ids) else np.zeros(len(wanted_ids), bool)
    return positions.astype(np.int64), present


def song_columns(parts: Iterable[SongColumns], group_keys: GroupKeys) -> Iterator[ColumnValues]:
    """Return the columns of the songs table; ``group_keys`` are of the same songs, in the same order."""
    first = 0
    for part in parts:
        keys = group_keys[first : first + len(part.id)].tolist()
        first += len(part.id)
        groups = {key: leakage_group(key) for key in set(keys)}
        quarters = {division: ticks_per_quarter(division) for division in set(part.division)}
        paths, paths_as_bytes = _relative_paths(part.path, part.root_length)
        song_groups, folds = zip(*map(groups.__getitem__, keys), strict=True)
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
            "lost_bytes": part.lost_bytes,
            "track_count": part.link_count,
            "song_group": song_groups,
            "fold": folds,
        }


def ticks_per_quarter(division: int | None) -> int | None:
    """Return the ticks per quarter note that a header states; None if it counts in frames or states none."""
    return None if division is None or division <= 0 or division & _SMPTE_FLAG else division


def _relative_paths(
    paths: Sequence[bytes | None], root_lengths: Sequence[int | None]
) -> tuple[Sequence[str | None], Sequence[bytes | None]]:
    """Return paths below the source folders as text, and as bytes where no text can state a path."""
    pairs = [
        (None, None) if path is None else path_text_and_bytes(path[length:].replace(_SEPARATOR, b"/"))
        for path, length in zip(paths, root_lengths, strict=True)
    ]
    return [text for text, _ in pairs], [raw for _, raw in pairs]
