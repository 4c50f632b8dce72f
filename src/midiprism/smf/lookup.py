"""What a song says of a channel across its tracks: its sound, and the events that ``context="full"`` lends."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.conductor import copy_row, first_after, order
from midiprism.smf.jit import helper
from midiprism.smf.layout import (
    E_COLUMNS,
    E_KIND,
    E_POSITION,
    E_TICK,
    E_TRACK,
    EVERY_CHANNEL,
    N_GS,
    N_OTHERS,
    N_SETUP,
    NO_PROGRAM,
    S_BANK,
    S_KEY,
    S_KEYS,
    S_MODE,
    S_PROGRAM,
    S_TICK,
    S_VALUE,
    T_TICKS,
)
from midiprism.smf.tables import drum_state

TICK_BITS = 57
"""Bits for a tick beside a key of 48 values; 64 MiB of the longest deltas need 54."""


class Grouped(NamedTuple):
    """Rows of a table grouped by a key: key ``k``'s are ``sequence[begins[k]:begins[k + 1]]``.

    ``ticks`` are theirs, ascending within a key.
    """

    sequence: Any
    ticks: Any
    begins: Any


@helper
def grouped(keys: Any, ticks: Any, number: int) -> Any:
    """Group rows by keys of 0 to ``number`` - 1, each group ordered by tick, then as they stand."""
    sequence = order((keys << TICK_BITS) | ticks)
    begins = np.zeros(number + 1, np.int64)
    for row in range(keys.shape[0]):
        begins[keys[row] + 1] += 1
    for key in range(number):
        begins[key + 1] += begins[key]
    return Grouped(sequence, ticks[sequence], begins)


@helper
def group_setup(tables: Any, counters: Any) -> Any:
    """The setup table, by what it selects and for which channel."""
    count = counters[N_SETUP]
    return grouped(tables.setup[:count, S_KEY].copy(), tables.setup[:count, S_TICK].copy(), S_KEYS)


@helper
def group_others(tables: Any, counters: Any) -> Any:
    """The events that other tracks may take, by channel."""
    count = counters[N_OTHERS]
    return grouped(tables.others[:count, E_KIND].copy(), tables.others[:count, E_TICK].copy(), EVERY_CHANNEL + 1)


@helper
def upto(groups: Any, key: int, tick: int) -> int:
    """End of the key's rows in ``sequence`` that are at or before a tick."""
    begin = groups.begins[key]
    return int(begin + first_after(groups.ticks[begin : groups.begins[key + 1]], tick))


@helper
def selected(setup: Any, groups: Any, key: int, tick: int, otherwise: int) -> int:
    """What was selected last at a tick, by any track."""
    end = upto(groups, key, tick)
    return int(setup[groups.sequence[end - 1], S_VALUE]) if end > groups.begins[key] else otherwise


@helper
def sound_in_song(setup: Any, groups: Any, counters: Any, channel: int, program: int, tick: int) -> tuple[int, int]:
    """Program (NO_PROGRAM for none) and drum state of a channel at a tick, by what all tracks say.

    A ``program`` that the track itself selects rules.
    """
    if program == NO_PROGRAM:
        program = selected(setup, groups, S_PROGRAM * 16 + channel, tick, NO_PROGRAM)
    bank = selected(setup, groups, S_BANK * 16 + channel, tick, -1)
    mode = selected(setup, groups, S_MODE * 16 + channel, tick, -1)
    return program, drum_state(channel, bank, mode, counters[N_GS] > 0)


@helper
def lent_count(tables: Any, groups: Any, track: int, channels: int) -> int:
    """Most events that a track which plays on these channels (a bit each) may be lent."""
    tick = tables.tracks[track, T_TICKS]
    count = 0
    for key in range(EVERY_CHANNEL + 1):
        if key == EVERY_CHANNEL or channels >> key & 1:
            count += upto(groups, key, tick) - groups.begins[key]
    return count


@helper
def with_lent(tables: Any, groups: Any, guests: Any, track: int, channels: int) -> Any:
    """The guests of a track together with what it is lent, ordered by tick and position."""
    tick = tables.tracks[track, T_TICKS]
    size = guests.shape[0]
    rows = np.empty((size + lent_count(tables, groups, track, channels), E_COLUMNS), np.int64)
    for row in range(size):
        copy_row(rows, row, guests, row)
    for key in range(EVERY_CHANNEL + 1):
        if key == EVERY_CHANNEL or channels >> key & 1:
            for at in range(groups.begins[key], upto(groups, key, tick)):
                row = groups.sequence[at]
                if tables.others[row, E_TRACK] != track:
                    copy_row(rows, size, tables.others, row)
                    size += 1
    rows = rows[:size]
    rows = rows[order(rows[:, E_POSITION].copy())]
    return rows[order(rows[:, E_TICK].copy())]
