"""Constants of fingerprints, and the work tables that one thread uses again for every track.

Changing a constant here changes fingerprints: raise ``FINGERPRINT_VERSION``.
"""

from typing import Any

import numpy as np

from midiprism.smf.kernel.row_types import row_type

UNITS_PER_QUARTER = 48
"""Onsets are rounded to this part of a quarter note."""

GROUP_UNITS = 4
"""Notes that begin within this time after the first of them, a twelfth of a quarter note, form a group."""

COARSE_UNITS = 24
"""The grid of the coarse line: eighth notes."""

MAX_GROUPS = 4096
"""Groups of notes of a track that count: the first ones."""

MAX_GAP = 65_535
"""The longest time between two groups that differs from longer ones, in units."""

PHRASE_NOTES = 6
PHRASE_INTERVALS = PHRASE_NOTES - 1

SIGNATURE_VALUES = 64

PHRASE_SLOTS = 4 * MAX_GROUPS
"""Slots of a hash table of the phrases of both lines of a track."""

ORDER_BITS = 62
"""Bits of a word in the comparison of orders: sums of two words and a carry do not overflow."""

ORDER_WORDS = (MAX_GROUPS + ORDER_BITS - 1) // ORDER_BITS

PHRASE_TABLE = (
    ("keys", np.int64, PHRASE_SLOTS),
    ("stamps", np.int64, PHRASE_SLOTS),
    ("numbers", np.int64, PHRASE_SLOTS),
    ("members", np.int64, 2 * MAX_GROUPS),  # the keys by their numbers
    "last_slot",  # of those that are used at present
    "stamp",  # of the slots that are in use; others are free
    "count",
)
"""A hash table of phrases, which is emptied by another stamp."""

LINE = (
    ("onsets", np.int64, MAX_GROUPS),
    ("pitches", np.int64, MAX_GROUPS),
    "groups",
    ("coarse_onsets", np.int64, MAX_GROUPS),
    ("coarse_pitches", np.int64, MAX_GROUPS),
    "coarse_groups",
    "drums",
    ("phrases", np.int64, MAX_GROUPS),  # of the line, in its order; NO_PHRASE where there is none
    "phrase_count",
    ("coarse_phrases", np.int64, MAX_GROUPS),
    "coarse_phrase_count",
    *PHRASE_TABLE,
)
"""A line, fine and coarse, its phrases, and the set of all of them."""

LINE_ROW = row_type(*LINE)

NO_PHRASE = -1

ORDER_ROW = row_type(
    *PHRASE_TABLE, ("masks", np.int64, MAX_GROUPS * ORDER_WORDS), ("row", np.int64, ORDER_WORDS)
)
"""The places of each phrase of a line, as bits, and the row of the comparison."""


def new_line() -> Any:
    """Return a table with the one row that a thread needs."""
    return np.zeros(1, LINE_ROW)


def new_order() -> Any:
    """Return a table with the one row that a thread needs."""
    return np.zeros(1, ORDER_ROW)
