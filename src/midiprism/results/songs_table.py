"""Writes the table of songs of a result in shards, which derives from the catalog."""

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from midiprism.catalog import Address, Catalog, open_read_only
from midiprism.catalog.queries.song_rows import (
    SongColumns,
    commit_state,
    long_track_hashes,
    other_source_metadata,
    song_digests,
    song_names,
    song_track_ids,
)
from midiprism.catalog.queries.song_rows import song_columns as read_song_columns
from midiprism.results.background import Background, run_inline
from midiprism.results.leakage_groups import (
    MIN_NOTES,
    BoolArray,
    GroupKeys,
    IntArray,
    NoteHashes,
    TitleHashes,
    group_songs,
    hash_titles,
    leakage_group,
)
from midiprism.sources.file_types import source_of_song
from midiprism.stores import ShardedTracks
from midiprism.stores.parquet.schema import ColumnValues, path_text_and_bytes

_SEPARATOR = os.fsencode(os.sep)
_SMPTE_FLAG = 0x8000
_DIGEST_PREFIX_BYTES = 8  # bytes of a digest that identify a group


class _TrackHashes(NamedTuple):
    """The hashes of the notes of tracks, by the ids of the tracks, which are sorted."""

    ids: IntArray
    hashes: IntArray


def is_current(catalog: Catalog, shards: ShardedTracks) -> bool:
    """Return whether the table of songs is that of the last commit."""
    with catalog.read_transaction() as connection:
        return shards.songs_table_state() == commit_state(connection)


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
        state = commit_state(connection)
        song_ids, link_counts = array("q"), array("q")
        digests: list[bytes] = []
        for part in song_digests(connection):
            ids, whole_digests, counts = zip(*part, strict=True)
            song_ids.extend(ids)
            link_counts.extend(counts)
            digests += [digest[:_DIGEST_PREFIX_BYTES] for digest in whole_digests]
        sorted_ids = np.array(song_ids, np.int64)
        hashes = _hashes_of_tracks(long_track_hashes(connection, MIN_NOTES))
        notes = _notes_by_position(song_track_ids(connection), hashes, sorted_ids)
        has_tracks = np.array(link_counts, np.int64) > 0
        keys = group_songs(digests, has_tracks, _titles_by_position(titles(), sorted_ids), notes)
        others = other_source_metadata(connection)
        return shards.write_songs_table(song_columns(read_song_columns(connection), keys, others), state)


def load_titles(address: Address) -> TitleHashes:
    """Return the titles of all songs, by song id.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    with open_read_only(address) as catalog, catalog.read_transaction() as connection:
        return hash_titles(chain.from_iterable(song_names(connection)))


def _hashes_of_tracks(rows: Iterable[Sequence[tuple[int, int]]]) -> _TrackHashes:
    parts = [np.fromiter(chain.from_iterable(part), np.int64, 2 * len(part)) for part in rows]
    track_ids, hashes = np.concatenate([np.empty(0, np.int64), *parts]).reshape(-1, 2).T
    return _TrackHashes(np.ascontiguousarray(track_ids), np.ascontiguousarray(hashes))


def _titles_by_position(titles: TitleHashes, sorted_ids: IntArray) -> TitleHashes:
    """Return titles with the positions of their songs in ``sorted_ids`` instead of song ids."""
    positions, present = _find_positions(titles.songs, sorted_ids)
    return TitleHashes(positions[present], titles.hashes[present], titles.folders[present])


def _notes_by_position(
    track_lists: Iterable[Sequence[tuple[int, str]]], tracks: _TrackHashes, sorted_ids: IntArray
) -> NoteHashes:
    """Return the hashes of the tracks of songs, with the positions of the songs in ``sorted_ids``.

    Args:
        track_lists: song ids, each with the ids of its tracks as text, separated by commas.
        tracks: those with a hash that counts.
    """
    songs, track_ids = [sorted_ids[:0]], [sorted_ids[:0]]
    for part in track_lists:
        song_ids, texts = zip(*part, strict=True)
        songs.append(np.repeat(np.array(song_ids, np.int64), [text.count(",") + 1 for text in texts]))
        track_ids.append(np.fromstring(",".join(texts), np.int64, sep=","))
    positions, present = _find_positions(np.concatenate(songs), sorted_ids)
    rows, counted = _find_positions(np.concatenate(track_ids), tracks.ids)
    present &= counted
    return NoteHashes(positions[present], tracks.hashes[rows[present]])


def _find_positions(wanted_ids: IntArray, sorted_ids: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the positions of ids in ``sorted_ids``, and whether each is there: unreadable songs are not."""
    positions = np.searchsorted(sorted_ids, wanted_ids).clip(max=max(0, len(sorted_ids) - 1))
    present = sorted_ids[positions] == wanted_ids if len(sorted_ids) else np.zeros(len(wanted_ids), bool)
    return positions.astype(np.int64), present


def song_columns(
    parts: Iterable[SongColumns], group_keys: GroupKeys, other_metadata: Mapping[int, Sequence[str]]
) -> Iterator[ColumnValues]:
    """Return the columns of the songs table.

    Args:
        parts: the songs.
        group_keys: of the same songs, in the same order.
        other_metadata: what sources say of songs at their other paths, by song id.
    """
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
            "source": _sources(part.path, part.root_length),
            "source_metadata": part.source_metadata,
            "song_key": part.song_key,
            "song_key_strength": part.song_key_strength,
            "other_source_metadata": [
                f"[{', '.join(other_metadata[song_id])}]" if song_id in other_metadata else None
                for song_id in part.id
            ],
        }


def ticks_per_quarter(division: int | None) -> int | None:
    """Return the ticks per quarter note that a header states; None if it counts in frames or states none."""
    return None if division is None or division <= 0 or division & _SMPTE_FLAG else division


def _sources(paths: Sequence[bytes | None], root_lengths: Sequence[int | None]) -> Sequence[str | None]:
    """Return the sources of songs as text."""
    return [
        None if path is None else path_text_and_bytes(source_of_song(path, length or 0))[0]
        for path, length in zip(paths, root_lengths, strict=True)
    ]


def _relative_paths(
    paths: Sequence[bytes | None], root_lengths: Sequence[int | None]
) -> tuple[Sequence[str | None], Sequence[bytes | None]]:
    """Return paths below the source folders as text, and as bytes where no text can state a path."""
    pairs = [
        (None, None) if path is None else path_text_and_bytes(path[length:].replace(_SEPARATOR, b"/"))
        for path, length in zip(paths, root_lengths, strict=True)
    ]
    return [text for text, _ in pairs], [raw for _, raw in pairs]
