"""The key of songs, estimated from the facts of all their tracks that are no drums."""

from typing import Any

import numpy as np

from midiprism.features.kernel.key_profiles import KEYS, LAST_NOTE_BONUS, PROFILES
from midiprism.features.key_names import key_names


def find_song_keys(songs: Any, weights: Any, final_onsets: Any, final_pitches: Any, count: int) -> Any:
    """Return the key of each song and its correlation.

    Args:
        songs: for each track the number of its song, from 0 on.
        weights: of the pitch classes of each track; shape (tracks, 12).
        final_onsets: where the last note of each track begins, in a unit that is the same in its song.
        final_pitches: the lowest of the notes that begin there.
        count: number of songs.

    Returns:
        The keys as integers, tonics from C on, first major, then minor, -1 for none; and the correlations.
    """
    places = songs[:, None] * 12 + np.arange(12)
    totals = np.bincount(places.ravel(), weights.ravel(), count * 12).reshape(count, 12)
    # The last note of a song is the lowest of those that begin last.
    order = np.lexsort((-final_pitches, final_onsets, songs))
    final_classes = np.full(count, -1)
    final_classes[songs[order]] = final_pitches[order] % 12
    deviations = totals - totals.mean(axis=1, keepdims=True)
    lengths = np.sqrt((deviations**2).sum(axis=1))
    has_key = lengths > 1e-6 * totals.mean(axis=1)
    correlations = deviations @ PROFILES.T / np.where(has_key, lengths, 1.0)[:, None]
    bonus = LAST_NOTE_BONUS * (final_classes[:, None] == np.arange(KEYS) % 12)
    keys = (correlations + bonus).argmax(axis=1)
    strengths = np.maximum(0.0, correlations[np.arange(count), keys])
    return np.where(has_key, keys, -1), np.where(has_key, strengths, 0.0)


def named_song_keys(keys: Any, strengths: Any) -> tuple[list[str | None], list[float | None]]:
    """Return the names of keys, and how well each fits, as the catalog has them; None for no key."""
    names = key_names(keys.tolist())
    rounded = [
        None if name is None else round(strength, 4)
        for name, strength in zip(names, strengths.tolist(), strict=True)
    ]
    return names, rounded
