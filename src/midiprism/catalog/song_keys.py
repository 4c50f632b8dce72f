"""The keys of songs, found from the facts of their tracks in the commit that records the songs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
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
        tracks = self._of_tracks(batch.tracks)[np.array(batch.links[TRACK_INDEX], np.int64)]
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
        slots = keys % len(self._remembered)
        tracks = self._remembered[slots]
        tracks["state"][tracks["key"] != keys] = _UNKNOWN
        tracks["key"] = keys
        _fill(tracks, [*columns.rows(SONG_KEY_FACTS)], range(len(digests)))
        unknown = np.flatnonzero(tracks["state"] == _UNKNOWN).tolist()
        if unknown:
            found = {row[0]: row[1:] for row in self._select_facts([digests[index] for index in unknown])}
            known = [index for index in unknown if digests[index] in found]
            _fill(tracks, [found[digests[index]] for index in known], known)
        self._remembered[slots] = tracks
        return tracks


def _fill(tracks: Any, rows: Sequence[Sequence[Any]], indices: Iterable[int]) -> None:
    """Set the facts of some tracks, but for those that have none, or those of another version."""
    filled = [(index, row) for index, row in zip(indices, rows, strict=True) if row[0] == FACTS_VERSION]
    if not filled:
        return
    at = [index for index, _ in filled]
    weights = [row[1] for _, row in filled]
    tracks["weights"][at] = np.frombuffer(b"".join(it or _NO_WEIGHTS for it in weights), "<f2").reshape(
        -1, 12
    )
    tracks["onset"][at] = [row[2] or 0 for _, row in filled]
    tracks["pitch"][at] = [row[3] or 0 for _, row in filled]
    tracks["state"][at] = [_WITHOUT_PITCH if it is None else _PITCHED for it in weights]
