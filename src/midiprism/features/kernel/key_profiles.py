"""Profiles of the major and minor keys. They load no compiler: keys of songs are found without one.

Source: Albrecht and Shanahan, The use of large corpora to train a new type of key-finding algorithm, 2013.
"""

from typing import Any

import numpy as np

_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)

LAST_NOTE_BONUS = 0.06
"""Added to the correlation of both keys whose tonic is the lowest of the last notes: music ends there."""

KEYS = 24
"""A key is its tonic from C on, plus 12 for minor."""


def _normalized(profile: tuple[float, ...]) -> Any:
    deviations = np.array(profile) - np.mean(profile)
    return deviations / np.sqrt((deviations**2).sum())


PROFILES = np.array([np.roll(_normalized(it), tonic) for it in (_MAJOR, _MINOR) for tonic in range(12)])
"""Of each key as a row, with mean 0 and length 1; shape (24, 12)."""
