"""The keys of songs, found from the facts of their tracks in the commit that records the songs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from midiprism.features.facts_version import FACTS_VERSION
from midiprism.features.song_key import find_song_keys, named_song_keys
from midiprism.records.batches import LINK_COUNT, TRACK_INDEX, BatchRecord, Columns
from midiprism.records.fields import SONG_KEY_FACTS

REMEMBERED_TRACKS = 1 << 19  # 21 MiB

_NO_WEIGHTS = bytes(24)
_UNKNOWN, _WITHOUT_PITCH, _PITCHED = range(3)
_TRACK = np.dtype(
    [("key", "<u8"), ("onset", "<i8"), ("weights", "<f2", 12), ("pitch", "u1"), ("state", "u1")]
)

FactsLookup = Callable[[Sequence[bytes]], Iterable[Sequence[Any]]]
"""Returns rows of the digest and ``SONG_KEY_FACTS`` of the tracks with these digests."""


class SongKeys:
    """Finds the keys of songs, batch by batch, and remembers the facts of the tracks that came last.

    Args:
        select_facts: finds the facts of other tracks in the catalog.
        remembered: number of tracks to remember; a power of two.
    """

    def __init__(self, select_facts: FactsLookup, remembered: int = REMEMBERED_TRACKS) -> None:
        self._select_facts = select_facts
        self._remembered: Any = np.zeros(remembered, _TRACK)

    def completed(self, batch: BatchRecord) -> BatchRecord:
        """Return the batch with the facts of those songs whose tracks all have facts."""
        counts = np.array(batch.songs[LINK_COUNT], np.int64)
        songs = np.repeat(np.arange(len(counts)), counts)
        tracks = self._of_tracks(batch.tracks).take(np.array(batch.links[TRACK_INDEX], np.int64))
        pitched = tracks["state"] == _PITCHED
        keys, strengths = find_song_keys(
            songs[pitched],
            tracks["weights"][pitched].astype(np.float64),
            tracks["onset"][pitched],
            tracks["pitch"][pitched].astype(np.int64),
            len(counts),
        )
        incomplete = counts == 0
        incomplete[songs[tracks["state"] == _UNKNOWN]] = True
        names, rounded = named_song_keys(np.where(incomplete, -1, keys), strengths)
        columns: dict[str, Sequence[Any]] = {
            "facts_version": [None if missing else FACTS_VERSION for missing in incomplete.tolist()],
            "song_key": names,
            "song_key_strength": rounded,
        }
        return replace(batch, songs=batch.songs.with_columns(**columns))

    def _of_tracks(self, columns: Columns) -> Any:
        """Return a row for each track of a batch: from the batch, from memory, or from the catalog."""
        digests = columns["digest"]
        keys = np.frombuffer(b"".join(digests), "<u8").reshape(len(digests), -1)[:, 0]
        slots = (keys % len(self._remembered)).astype(np.int64)
        tracks = self._remembered.take(slots)  # a fifth of the time of an index
        tracks["state"][tracks["key"] != keys] = _UNKNOWN
        tracks["key"] = keys
        _fill(tracks, np.arange(len(digests)), [columns[name] for name in SONG_KEY_FACTS])
        unknown = np.flatnonzero(tracks["state"] == _UNKNOWN).tolist()
        if unknown:
            indices = {digests[index]: index for index in unknown}
            found = [*zip(*self._select_facts([*indices]), strict=True)]
            if found:
                _fill(tracks, np.array([*map(indices.__getitem__, found[0])]), found[1:])
        self._remembered.put(slots, tracks)
        return tracks


def _fill(tracks: Any, indices: Any, columns: Sequence[Sequence[Any]]) -> None:
    """Set the facts of the tracks at some indices, but for those that have none, or those of another version.

    Args:
        columns: ``SONG_KEY_FACTS`` of these tracks.
    """
    current = np.array([version == FACTS_VERSION for version in columns[0]], bool)
    _, weights, onsets, pitches = ([*compress(column, current)] for column in columns)
    at = indices[current]
    joined = b"".join([it or _NO_WEIGHTS for it in weights])
    tracks["weights"][at] = np.frombuffer(joined, "<f2").reshape(-1, 12)
    tracks["onset"][at] = [it or 0 for it in onsets]
    tracks["pitch"][at] = [it or 0 for it in pitches]
    tracks["state"][at] = [_WITHOUT_PITCH if it is None else _PITCHED for it in weights]
