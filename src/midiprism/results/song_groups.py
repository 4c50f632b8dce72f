"""The groups of the songs of a result, read from its catalog."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from midiprism.catalog.queries.song_rows import (
    long_track_hashes,
    similar_songs,
    song_digests,
    song_names,
    song_track_ids,
)
from midiprism.results.leakage_groups import (
    MIN_NOTES,
    BoolArray,
    GroupKeys,
    IntArray,
    NoteHashes,
    SimilarSongs,
    TitleHashes,
    group_songs,
    hash_titles,
    joined_prefixes,
    prefix_numbers,
    shared_by_songs,
)

_HASH_PARTS = 8


class SongGroups(NamedTuple):
    """The groups of all songs.

    Attributes:
        ids: of the songs, sorted.
        keys: a number for ``leakage_group`` for each of them.
    """

    ids: IntArray
    keys: GroupKeys

    def keys_of(self, song_ids: Sequence[int]) -> list[int]:
        """Return the group of each song, all of which there are, as a number for ``leakage_group``."""
        keys: list[int] = self.keys[np.searchsorted(self.ids, np.array(song_ids, np.int64))].tolist()
        return keys


class _TrackHashes(NamedTuple):
    """The hashes of the notes of tracks, by the ids of the tracks, which are sorted."""

    ids: IntArray
    hashes: IntArray


def read_song_groups(connection: Any) -> SongGroups:
    """Return the groups of all songs of a catalog."""
    song_ids, link_counts, prefixes = array("q"), array("q"), bytearray()
    for part in song_digests(connection):
        ids, digests, counts = zip(*part, strict=True)
        song_ids.extend(ids)
        link_counts.extend(counts)
        prefixes += joined_prefixes(digests)
    sorted_ids = np.array(song_ids, np.int64)
    notes = _shared_notes(connection, sorted_ids)
    titles = hash_titles(chain.from_iterable(song_names(connection)))
    has_tracks = np.array(link_counts, np.int64) > 0
    return SongGroups(
        sorted_ids,
        group_songs(
            prefix_numbers(prefixes),
            has_tracks,
            _titles_by_position(titles, sorted_ids),
            notes,
            _similar_by_position(similar_songs(connection), sorted_ids),
        ),
    )


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
    songs, hashes = [sorted_ids[:0]], [sorted_ids[:0]]
    for part in track_lists:
        song_ids, texts = zip(*part, strict=True)
        songs_of_links = np.repeat(np.array(song_ids, np.int64), [text.count(",") + 1 for text in texts])
        positions, present = _find_positions(songs_of_links, sorted_ids)
        rows, counted = _find_positions(np.fromstring(",".join(texts), np.int64, sep=","), tracks.ids)
        present &= counted
        songs.append(positions[present])
        hashes.append(tracks.hashes[rows[present]])
    all_songs = np.concatenate(songs)
    del songs  # so that not all of both is there twice
    return NoteHashes(all_songs, np.concatenate(hashes))


def _shared_notes(connection: Any, sorted_ids: IntArray) -> NoteHashes:
    """Return the hashes of tracks that several songs have, with the positions of these songs.

    A part of the hashes at a time takes less memory than to sort all.
    """
    hashes_of_tracks = _hashes_of_tracks(long_track_hashes(connection, MIN_NOTES))
    notes = _notes_by_position(song_track_ids(connection), hashes_of_tracks, sorted_ids)
    del hashes_of_tracks
    songs, hashes = [notes.songs[:0]], [notes.hashes[:0]]
    for part in range(_HASH_PARTS):
        is_in_part = notes.hashes % _HASH_PARTS == part
        shared_songs, shared_hashes = shared_by_songs(notes.songs[is_in_part], notes.hashes[is_in_part])
        songs.append(shared_songs)
        hashes.append(shared_hashes)
    return NoteHashes(np.concatenate(songs), np.concatenate(hashes))


def _similar_by_position(rows: Iterable[Sequence[tuple[int, int]]], sorted_ids: IntArray) -> SimilarSongs:
    """Return groups of similar songs with the positions of the songs in ``sorted_ids``."""
    parts = [np.fromiter(chain.from_iterable(part), np.int64, 2 * len(part)) for part in rows]
    song_ids, groups = np.concatenate([np.empty(0, np.int64), *parts]).reshape(-1, 2).T
    positions, present = _find_positions(song_ids, sorted_ids)
    return SimilarSongs(positions[present], groups[present])


def _find_positions(wanted_ids: IntArray, sorted_ids: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the positions of ids in ``sorted_ids``, and whether each is there: unreadable songs are not."""
    positions = np.searchsorted(sorted_ids, wanted_ids).clip(max=max(0, len(sorted_ids) - 1))
    present = sorted_ids[positions] == wanted_ids if len(sorted_ids) else np.zeros(len(wanted_ids), bool)
    return positions.astype(np.int64), present
