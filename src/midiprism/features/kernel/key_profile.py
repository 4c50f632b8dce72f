"""The key of some notes: the major or minor key with whose profile their pitch classes correlate best."""

from typing import Any

from midiprism.features.kernel.key_profiles import KEYS, LAST_NOTE_BONUS, PROFILES
from midiprism.smf.kernel.jit import borrowing_helper


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
