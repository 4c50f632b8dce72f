"""Events of all tracks that concern a channel: its sound, and those that ``context="full"`` merges."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.conductor import bisect_right, stable_argsort
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_types import ALL_CHANNELS, EVENT, SETUP_KEYS, ZERO

TICK_BITS = 57
"""Bits for a tick next to a key of 48 values; 64 MiB of the longest deltas need 52."""


class GroupedRows(NamedTuple):
    """Rows of a table grouped by a key: key ``k``'s are ``row_order[group_starts[k]:group_starts[k + 1]]``.

    ``ticks`` are those of the rows, ascending within a key. ``values`` are what the rows of the setup table
    select; of context events ``values[i]`` is the bytes that the first ``i`` of ``row_order`` take.
    """

    row_order: Any
    ticks: Any
    values: Any
    group_starts: Any


@helper
def group_rows(keys: Any, ticks: Any, values: Any, key_count: int) -> Any:
    """Group rows by keys below ``key_count``, each group ordered by tick, then by row."""
    row_order = stable_argsort((keys << TICK_BITS) | ticks)
    group_starts = np.zeros(key_count + 1, np.int64)
    for row in range(keys.shape[0]):
        group_starts[keys[row] + 1] += 1
    for key in range(key_count):
        group_starts[key + 1] += group_starts[key]
    return GroupedRows(row_order, ticks[row_order], values[row_order], group_starts)


@inlined
def group_setup(setup: Any, count: int) -> Any:
    """Group the setup table by what it selects and for which channel."""
    rows = setup[:count]
    return group_rows(rows["key"].copy(), rows["tick"].copy(), rows["value"].copy(), ZERO + SETUP_KEYS)


@inlined
def merged_size(event: Any) -> int:
    """Return the bytes that a context event takes where it is merged, with one for its delta time."""
    return int(event.size + (2 if event.status < 0xF0 else 1))


@inlined
def group_context_events(context_events: Any, count: int) -> Any:
    """Group the events that other tracks may take by channel."""
    rows = context_events[:count]
    ticks = rows["tick"].copy()
    groups = group_rows(rows["kind"].copy(), ticks, ticks, ZERO + ALL_CHANNELS + 1)
    sizes = np.zeros(count + 1, np.int64)
    for at in range(count):
        sizes[at + 1] = sizes[at] + merged_size(context_events[groups.row_order[at]])
    return GroupedRows(groups.row_order, groups.ticks, sizes, groups.group_starts)


@inlined
def group_end_at_tick(ticks: Any, group_starts: Any, key: int, tick: int) -> int:
    """Return the end of the key's rows in ``row_order`` that are at or before a tick."""
    begin = group_starts[key]
    return begin + bisect_right(ticks[begin : group_starts[key + 1]], tick)


@helper
def last_value_at_tick(ticks: Any, values: Any, group_starts: Any, key: int, tick: int, default: int) -> int:
    """Return what any track selected last at a tick."""
    end = group_end_at_tick(ticks, group_starts, key, tick)
    return values[end - 1] if end > group_starts[key] else default


@helper
def context_events_size(groups: Any, channels: int, tick: int) -> int:
    """Return the bytes of all events up to a tick that concern a track that plays on these channels."""
    size = ZERO
    for key in range(ALL_CHANNELS + 1):
        if key == ALL_CHANNELS or channels >> key & 1:
            end = group_end_at_tick(groups.ticks, groups.group_starts, key, tick)
            size += groups.values[end] - groups.values[groups.group_starts[key]]
    return int(size)


@helper
def count_context_events(ticks: Any, group_starts: Any, channels: int, tick: int) -> int:
    """Return how many events up to a tick concern a track that plays on these channels (a bit each)."""
    count = ZERO
    for key in range(ALL_CHANNELS + 1):
        if key == ALL_CHANNELS or channels >> key & 1:
            count += group_end_at_tick(ticks, group_starts, key, tick) - group_starts[key]
    return count


@helper
def merge_context_events(tables: Any, groups: Any, merged_events: Any, track: int, channels: int) -> Any:
    """Return the events to merge into a track and those of its channels, ordered by tick and position."""
    tick = tables.tracks[track].ticks
    size = merged_events.shape[0]
    rows = np.empty(size + count_context_events(groups.ticks, groups.group_starts, channels, tick), EVENT)
    for row in range(size):
        rows[row] = merged_events[row]
    for key in range(ALL_CHANNELS + 1):
        if key == ALL_CHANNELS or channels >> key & 1:
            for at in range(
                groups.group_starts[key], group_end_at_tick(groups.ticks, groups.group_starts, key, tick)
            ):
                row = groups.row_order[at]
                if tables.context_events[row].track != track:
                    rows[size] = tables.context_events[row]
                    size += 1
    rows = rows[:size]
    rows = rows[stable_argsort(rows["position"].copy())]
    return rows[stable_argsort(rows["tick"].copy())]
