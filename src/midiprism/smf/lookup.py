"""What a song says of a channel across its tracks: its sound, and the events that ``context="full"``
lends."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.conductor import copy_row, first_after, order
from midiprism.smf.jit import helper, inlined
from midiprism.smf.layout import (
    E_COLUMNS,
    E_KIND,
    E_POSITION,
    E_TICK,
    E_TRACK,
    EVERY_CHANNEL,
    S_KEY,
    S_KEYS,
    S_TICK,
    S_VALUE,
    T_TICKS,
    ZERO,
)

TICK_BITS = 57
"""Bits for a tick beside a key of 48 values; 64 MiB of the longest deltas need 52."""


class Grouped(NamedTuple):
    """Rows of a table grouped by a key: key ``k``'s are ``sequence[begins[k]:begins[k + 1]]``.

    ``ticks`` are theirs, ascending within a key, and ``values`` what the rows of the setup table select.
    """

    sequence: Any
    ticks: Any
    values: Any
    begins: Any


@helper
def grouped(keys: Any, ticks: Any, values: Any, number: int) -> Any:
    """Group rows by keys of 0 to ``number`` - 1, each group ordered by tick, then as they stand."""
    sequence = order((keys << TICK_BITS) | ticks)
    begins = np.zeros(number + 1, np.int64)
    for row in range(keys.shape[0]):
        begins[keys[row] + 1] += 1
    for key in range(number):
        begins[key + 1] += begins[key]
    return Grouped(sequence, ticks[sequence], values[sequence], begins)


@inlined
def group_setup(setup: Any, count: int) -> Any:
    """The setup table, by what it selects and for which channel."""
    keys, ticks = setup[:count, S_KEY].copy(), setup[:count, S_TICK].copy()
    return grouped(keys, ticks, setup[:count, S_VALUE].copy(), ZERO + S_KEYS)


@inlined
def group_others(others: Any, count: int) -> Any:
    """The events that other tracks may take, by channel."""
    keys, ticks = others[:count, E_KIND].copy(), others[:count, E_TICK].copy()
    return grouped(keys, ticks, ticks, ZERO + EVERY_CHANNEL + 1)


@inlined
def upto(ticks: Any, begins: Any, key: int, tick: int) -> int:
    """End of the key's rows in ``sequence`` that are at or before a tick."""
    begin = begins[key]
    return begin + first_after(ticks[begin : begins[key + 1]], tick)


@helper
def selected(ticks: Any, values: Any, begins: Any, key: int, tick: int, otherwise: int) -> int:
    """What was selected last at a tick, by any track."""
    end = upto(ticks, begins, key, tick)
    return values[end - 1] if end > begins[key] else otherwise


@helper
def lent_count(ticks: Any, begins: Any, channels: int, tick: int) -> int:
    """Most events that a track which plays on these channels (a bit each) up to a tick may be lent."""
    count = ZERO
    for key in range(EVERY_CHANNEL + 1):
        if key == EVERY_CHANNEL or channels >> key & 1:
            count += upto(ticks, begins, key, tick) - begins[key]
    return count


@helper
def with_lent(tables: Any, groups: Any, guests: Any, track: int, channels: int) -> Any:
    """The guests of a track together with what it is lent, ordered by tick and position."""
    tick = tables.tracks[track, T_TICKS]
    size = guests.shape[0]
    rows = np.empty((size + lent_count(groups.ticks, groups.begins, channels, tick), E_COLUMNS), np.int64)
    for row in range(size):
        copy_row(rows, row, guests, row)
    for key in range(EVERY_CHANNEL + 1):
        if key == EVERY_CHANNEL or channels >> key & 1:
            for at in range(groups.begins[key], upto(groups.ticks, groups.begins, key, tick)):
                row = groups.sequence[at]
                if tables.others[row, E_TRACK] != track:
                    copy_row(rows, size, tables.others, row)
                    size += 1
    rows = rows[:size]
    rows = rows[order(rows[:, E_POSITION].copy())]
    return rows[order(rows[:, E_TICK].copy())]
