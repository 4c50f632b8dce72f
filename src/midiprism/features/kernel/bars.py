"""The bars of a track: which begin where, what is in them, and which recur."""

from typing import Any

from midiprism.features.kernel.tables import HASH_SLOTS, MAX_BARS
from midiprism.smf.kernel.jit import borrowing_helper
from midiprism.smf.kernel.note_hash import add_note

MIN_LOOP_QUARTERS = 4
MAX_LOOP_QUARTERS = 32
MAX_LOOP_BARS = 32
MIN_LOOP_ONSETS = 4
MIN_ONSETS_PER_QUARTER = 0.5
"""A loop as GigaMIDI defines it: its length, the notes that recur, and its density."""


@borrowing_helper
def change_meter(walk: Any, tick: int, numerator: int, power: int) -> None:
    """Let a meter hold from a tick on, where a new bar begins."""
    passed = (tick - walk.meter_tick) << walk.bar_power
    walk.meter_bar += (passed + walk.bar_size - 1) // walk.bar_size
    walk.meter_tick = tick
    walk.bar_size = 4 * walk.quarter * numerator
    walk.bar_power = power
    walk.bar_end = tick


@borrowing_helper
def bar_of(walk: Any, tick: int) -> int:
    """Return the number of the bar with a tick that is not before the last meter."""
    return int(walk.meter_bar + ((tick - walk.meter_tick) << walk.bar_power) // walk.bar_size)


@borrowing_helper
def enter_bar(walk: Any, tick: int) -> None:
    """Go on to the bar with a tick."""
    number = ((tick - walk.meter_tick) << walk.bar_power) // walk.bar_size
    walk.bar = walk.meter_bar + number
    walk.bar_start = walk.meter_tick + (number * walk.bar_size >> walk.bar_power)
    up = (1 << walk.bar_power) - 1
    walk.bar_end = walk.meter_tick + ((number + 1) * walk.bar_size + up >> walk.bar_power)


@borrowing_helper
def add_note_to_bar(walk: Any, work: Any, tick: int, pitch: int, new_onset: bool) -> None:
    """Add a note to the last bar, or to a new one."""
    if tick >= walk.bar_end:
        enter_bar(walk, tick)
    last = walk.bars - 1
    if last < 0 or work.bar_numbers[last] != walk.bar:
        if walk.bars == MAX_BARS:
            return
        last = walk.bars
        walk.bars += 1
        work.bar_numbers[last] = walk.bar
        work.bar_starts[last] = walk.bar_start
        work.bar_stops[last] = walk.bar_end
        work.bar_hashes[last] = 0
        work.bar_onsets[last] = 0
        new_onset = True
    work.bar_hashes[last] = add_note(work.bar_hashes[last], walk.hash_scale, tick - walk.bar_start, pitch)
    work.bar_onsets[last] += new_onset


@borrowing_helper
def count_repeated_bars(work: Any, count: int) -> int:
    """Return how many of the first ``count`` bars are equal to an earlier one."""
    size = 4
    while size < 2 * count and size < HASH_SLOTS:
        size *= 2
    for slot in range(size):
        work.hashes[slot] = -1
    repeated = 0
    for bar in range(count):
        value = work.bar_hashes[bar]
        slot = value & size - 1
        while work.hashes[slot] not in (-1, value):
            slot = slot + 1 & size - 1
        repeated += work.hashes[slot] == value
        work.hashes[slot] = value
    return repeated


@borrowing_helper
def _mark_loop(work: Any, first: int, later: int, quarter: int) -> None:
    """Mark the bars from one to another that is equal to it, if these are a loop.

    Marked bars get a negative number of onsets.
    """
    length = work.bar_starts[later] - work.bar_starts[first]
    if (
        work.bar_hashes[later] != work.bar_hashes[first]
        or abs(work.bar_onsets[first]) < MIN_LOOP_ONSETS
        or length < MIN_LOOP_QUARTERS * quarter
        or length > MAX_LOOP_QUARTERS * quarter
    ):
        return
    onsets = 0
    for bar in range(first, later):
        onsets += abs(work.bar_onsets[bar])
    if onsets * quarter >= MIN_ONSETS_PER_QUARTER * length:
        for bar in range(first, later):
            work.bar_onsets[bar] = -abs(work.bar_onsets[bar])


@borrowing_helper
def count_looped_bars(work: Any, count: int, quarter: int) -> int:
    """Return how many of the first ``count`` bars belong to a loop."""
    if count == 0:
        return 0
    shortest = work.bar_stops[0] - work.bar_starts[0]
    for bar in range(count):
        shortest = min(shortest, work.bar_stops[bar] - work.bar_starts[bar])
    most = min(MAX_LOOP_BARS, MAX_LOOP_QUARTERS * quarter // max(1, shortest))
    for distance in range(1, most + 1):
        later = 0
        for first in range(count):
            number = work.bar_numbers[first] + distance
            while later < count and work.bar_numbers[later] < number:
                later += 1
            if later == count:
                break
            if work.bar_numbers[later] == number:
                _mark_loop(work, first, later, quarter)
    looped = 0
    for bar in range(count):
        looped += work.bar_onsets[bar] < 0
    return looped
