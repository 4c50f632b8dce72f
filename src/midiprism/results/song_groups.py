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
    digest_prefixes,
    group_songs,
    hash_titles,
)

_DIGEST_PREFIX_BYTES = 8  # bytes of a digest that identify a group


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
    titles = hash_titles(chain.from_iterable(song_names(connection)))
    has_tracks = np.array(link_counts, np.int64) > 0
    return SongGroups(
        sorted_ids,
        group_songs(
            digest_prefixes(digests),
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
    songs, track_ids = [sorted_ids[:0]], [sorted_ids[:0]]
    for part in track_lists:
        song_ids, texts = zip(*part, strict=True)
        songs.append(np.repeat(np.array(song_ids, np.int64), [text.count(",") + 1 for text in texts]))
        track_ids.append(np.fromstring(",".join(texts), np.int64, sep=","))
    positions, present = _find_positions(np.concatenate(songs), sorted_ids)
    rows, counted = _find_positions(np.concatenate(track_ids), tracks.ids)
    present &= counted
    return NoteHashes(positions[present], tracks.hashes[rows[present]])


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
