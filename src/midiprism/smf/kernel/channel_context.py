"""Events of all tracks that concern a channel: its sound, and those that ``context="full"`` merges."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.conductor import bisect_right, stable_argsort
from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.row_types import (
    EVENT,
    MODULE_UNKNOWN,
    SETUP_BANK,
    SETUP_KIND_COUNT,
    SETUP_MODULE,
    SETUP_PART_MODE,
    ZERO,
)
from midiprism.smf.kernel.sounds import LOWER_MANAGER, UPPER_MANAGER, is_part_mode_of_module
from midiprism.smf.kernel.track_state import drum_state


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
    by_tick = stable_argsort(ticks)
    group_starts = np.zeros(key_count + 1, np.int64)
    for row in range(keys.shape[0]):
        group_starts[keys[row] + 1] += 1
    for key in range(key_count):
        group_starts[key + 1] += group_starts[key]
    filled = group_starts[:key_count].copy()
    row_order = np.empty(keys.shape[0], np.int64)
    for at in range(keys.shape[0]):
        key = keys[by_tick[at]]
        row_order[filled[key]] = by_tick[at]
        filled[key] += 1
    return GroupedRows(row_order, ticks[row_order], values[row_order], group_starts)


@inlined
def group_setup(setup: Any, count: int, ports: int) -> Any:
    """Group the setup table by what it selects and for which address."""
    rows = setup[:count]
    return group_rows(
        rows["key"].copy(), rows["tick"].copy(), rows["value"].copy(), ZERO + SETUP_KIND_COUNT * 16 * ports
    )


@inlined
def merged_size(event: Any) -> int:
    """Return the bytes that a context event takes where it is merged, with one for its delta time."""
    return int(event.size + (2 if event.status < 0xF0 else 1))


@inlined
def group_context_events(context_events: Any, count: int, ports: int) -> Any:
    """Group the events that other tracks may take by address; those for all addresses come last."""
    rows = context_events[:count]
    ticks = rows["tick"].copy()
    groups = group_rows(rows["kind"].copy(), ticks, ticks, ZERO + 16 * ports + 1)
    sizes = np.zeros(count + 1, np.int64)
    for at in range(count):
        sizes[at + 1] = sizes[at] + merged_size(context_events[groups.row_order[at]])
    return GroupedRows(groups.row_order, groups.ticks, sizes, groups.group_starts)


@inlined
def group_end_at_tick(ticks: Any, group_starts: Any, key: int, tick: int) -> int:
    """Return the end of the key's rows in ``row_order`` that are at or before a tick."""
    begin = group_starts[key]
    return begin + bisect_right(ticks[begin : group_starts[key + 1]], tick)


@inlined
def last_change(groups: Any, key: int, tick: int) -> int:
    """Return the last place of a key in ``row_order`` at or before a tick; -1 where there is none."""
    begin = groups.group_starts[key]
    if begin == groups.group_starts[key + 1]:  # as for most keys
        return -1
    end = group_end_at_tick(groups.ticks, groups.group_starts, key, tick)
    return int(end - 1) if end > begin else -1


@inlined
def value_since(groups: Any, key: int, tick: int, since: int, default: int) -> int:
    """Return what any track selected last at a tick, and after the change at ``since`` (-1: ever)."""
    at = last_change(groups, key, tick)
    if at < 0:
        return default
    if since >= 0 and (
        groups.ticks[at] < groups.ticks[since]
        or (groups.ticks[at] == groups.ticks[since] and groups.row_order[at] < groups.row_order[since])
    ):
        return default
    return int(groups.values[at])


@borrowing_helper
def drums_at(groups: Any, ports: int, address: int, tick: int) -> tuple[int, int, int]:
    """Return the bank of an address at a tick, the mode of the module, and the drum state, by all tracks."""
    addresses = 16 * ports
    reset = last_change(groups, SETUP_MODULE * addresses + (address & ~15), tick)
    module = groups.values[reset] if reset >= 0 else ZERO + MODULE_UNKNOWN
    bank = value_since(groups, SETUP_BANK * addresses + address, tick, reset, ZERO - 1)
    mode = value_since(groups, SETUP_PART_MODE * addresses + address, tick, reset, ZERO - 1)
    if mode >= 0:
        mode = mode & 1 if is_part_mode_of_module(mode, module) else ZERO - 1
    return bank, module, drum_state(address & 15, bank, mode, module)


@borrowing_helper
def is_context_of(port_uses: Any, track: int, ports: int, key: int) -> bool:
    """Return whether events of an address concern a track: it plays there, or it plays in the MPE zone that
    the address manages. Those for all addresses concern every track."""
    if key == 16 * ports:
        return True
    use = port_uses[track * ports + (key >> 4)]
    channel = key & 15
    if channel == LOWER_MANAGER and use.lower_members > 0:
        return bool(use.channels & (2 << use.lower_members) - 1)
    if channel == UPPER_MANAGER and use.upper_members > 0:
        return bool(use.channels >> 15 - use.upper_members)
    return bool(use.channels >> channel & 1)


@borrowing_helper
def context_events_size(groups: Any, port_uses: Any, track: int, ports: int, tick: int) -> int:
    """Return the bytes of all events up to a tick that concern a track."""
    size = ZERO
    for key in range(16 * ports + 1):
        if is_context_of(port_uses, track, ports, key):
            end = group_end_at_tick(groups.ticks, groups.group_starts, key, tick)
            size += groups.values[end] - groups.values[groups.group_starts[key]]
    return int(size)


@borrowing_helper
def count_context_events(groups: Any, port_uses: Any, track: int, ports: int, tick: int) -> int:
    """Return how many events up to a tick concern a track."""
    count = ZERO
    for key in range(16 * ports + 1):
        if is_context_of(port_uses, track, ports, key):
            count += (
                group_end_at_tick(groups.ticks, groups.group_starts, key, tick) - groups.group_starts[key]
            )
    return count


@helper
def merge_context_events(tables: Any, groups: Any, merged_events: Any, track: int, ports: int) -> Any:
    """Return the events to merge into a track and those of its addresses, ordered by tick and position."""
    tick = tables.tracks[track].ticks
    size = merged_events.shape[0]
    count = count_context_events(groups, tables.port_uses, track, ports, tick)
    rows = np.empty(size + count, EVENT)
    for row in range(size):
        rows[row] = merged_events[row]
    for key in range(16 * ports + 1):
        if is_context_of(tables.port_uses, track, ports, key):
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
