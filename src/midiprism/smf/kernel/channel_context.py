"""What a song says of a channel across its tracks: its sound, and the events that ``context="full"``
lends."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.conductor import bisect_right, copy_row, stable_argsort
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_fields import (
    ALL_CHANNELS,
    E_COLUMNS,
    E_KIND,
    E_POSITION,
    E_TICK,
    E_TRACK,
    S_KEY,
    S_TICK,
    S_VALUE,
    SETUP_KEYS,
    T_TICKS,
    ZERO,
)

TICK_BITS = 57
"""Bits for a tick beside a key of 48 values; 64 MiB of the longest deltas need 52."""


class GroupedRows(NamedTuple):
    """Rows of a table grouped by a key: key ``k``'s are ``sequence[begins[k]:begins[k + 1]]``.

    ``ticks`` are theirs, ascending within a key, and ``values`` what the rows of the setup table select.
    """

    row_order: Any
    ticks: Any
    values: Any
    group_starts: Any


@helper
def group_rows(keys: Any, ticks: Any, values: Any, key_count: int) -> Any:
    """Group rows by keys of 0 to ``number`` - 1, each group ordered by tick, then as they stand."""
    sequence = stable_argsort((keys << TICK_BITS) | ticks)
    begins = np.zeros(key_count + 1, np.int64)
    for row in range(keys.shape[0]):
        begins[keys[row] + 1] += 1
    for key in range(key_count):
        begins[key + 1] += begins[key]
    return GroupedRows(sequence, ticks[sequence], values[sequence], begins)


@inlined
def group_setup(setup: Any, count: int) -> Any:
    """The setup table, by what it selects and for which channel."""
    keys, ticks = setup[:count, S_KEY].copy(), setup[:count, S_TICK].copy()
    return group_rows(keys, ticks, setup[:count, S_VALUE].copy(), ZERO + SETUP_KEYS)


@inlined
def group_context_events(context_events: Any, count: int) -> Any:
    """The events that other tracks may take, by channel."""
    keys, ticks = context_events[:count, E_KIND].copy(), context_events[:count, E_TICK].copy()
    return group_rows(keys, ticks, ticks, ZERO + ALL_CHANNELS + 1)


@inlined
def group_end_at_tick(ticks: Any, group_starts: Any, key: int, tick: int) -> int:
    """End of the key's rows in ``sequence`` that are at or before a tick."""
    begin = group_starts[key]
    return begin + bisect_right(ticks[begin : group_starts[key + 1]], tick)


@helper
def last_value_at_tick(ticks: Any, values: Any, group_starts: Any, key: int, tick: int, default: int) -> int:
    """What was selected last at a tick, by any track."""
    end = group_end_at_tick(ticks, group_starts, key, tick)
    return values[end - 1] if end > group_starts[key] else default


@helper
def count_context_events(ticks: Any, group_starts: Any, channels: int, tick: int) -> int:
    """Most events that a track which plays on these channels (a bit each) up to a tick may be lent."""
    count = ZERO
    for key in range(ALL_CHANNELS + 1):
        if key == ALL_CHANNELS or channels >> key & 1:
            count += group_end_at_tick(ticks, group_starts, key, tick) - group_starts[key]
    return count


@helper
def merge_context_events(tables: Any, groups: Any, merged_events: Any, track: int, channels: int) -> Any:
    """The guests of a track together with what it is lent, ordered by tick and position."""
    tick = tables.tracks[track, T_TICKS]
    size = merged_events.shape[0]
    rows = np.empty(
        (size + count_context_events(groups.ticks, groups.group_starts, channels, tick), E_COLUMNS), np.int64
    )
    for row in range(size):
        copy_row(rows, row, merged_events, row)
    for key in range(ALL_CHANNELS + 1):
        if key == ALL_CHANNELS or channels >> key & 1:
            for at in range(
                groups.group_starts[key], group_end_at_tick(groups.ticks, groups.group_starts, key, tick)
            ):
                row = groups.row_order[at]
                if tables.context_events[row, E_TRACK] != track:
                    copy_row(rows, size, tables.context_events, row)
                    size += 1
    rows = rows[:size]
    rows = rows[stable_argsort(rows[:, E_POSITION].copy())]
    return rows[stable_argsort(rows[:, E_TICK].copy())]
