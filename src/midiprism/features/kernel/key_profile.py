"""The key of some notes: the major or minor key with whose profile their pitch classes correlate best.

Source: Albrecht and Shanahan, The use of large corpora to train a new type of key-finding algorithm, 2013.
"""

from typing import Any

import numpy as np

from midiprism.smf.kernel.jit import borrowing_helper

_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)

LAST_NOTE_BONUS = 0.06
"""Added to the correlation of both keys whose tonic is the lowest of the last notes: music ends there."""

KEYS = 24
"""A key is its tonic from C on, plus 12 for minor."""


def _normalized(profile: tuple[float, ...]) -> Any:
    deviations = np.array(profile) - np.mean(profile)
    return deviations / np.sqrt((deviations**2).sum())


PROFILES = np.array([[np.roll(_normalized(it), tonic) for tonic in range(12)] for it in (_MAJOR, _MINOR)])
"""Of each key as a row, with mean 0 and length 1; shape (24, 12) after this."""

PROFILES = PROFILES.reshape(KEYS, 12)


@borrowing_helper
def find_key(weights: Any, final_pitch: int) -> tuple[int, float]:
    """Return the key of 12 weights of pitch classes and its correlation; -1 where all weights are equal.

    ``final_pitch`` is the lowest of the last notes, or -1.
    """
    mean = 0.0
    for pitch_class in range(12):
        mean += weights[pitch_class] / 12
    length = 0.0
    for pitch_class in range(12):
        length += (weights[pitch_class] - mean) ** 2
    if length <= 1e-12 * mean * mean:
        return -1, 0.0
    best, best_score, best_correlation = -1, -2.0, 0.0
    for key in range(KEYS):
        product = 0.0
        for pitch_class in range(12):
            product += PROFILES[key, pitch_class] * (weights[pitch_class] - mean)
        correlation = product / length**0.5
        bonus = LAST_NOTE_BONUS if final_pitch >= 0 and final_pitch % 12 == key % 12 else 0.0
        if correlation + bonus > best_score:
            best, best_score, best_correlation = key, correlation + bonus, correlation
    return best, max(0.0, best_correlation)
