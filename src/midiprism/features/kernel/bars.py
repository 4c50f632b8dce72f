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
def _begin_bar(walk: Any, work: Any) -> None:
    """Record the bar in which some note begins, unless there are too many."""
    walk.bar_hash = walk.bar_onsets = 0
    if walk.bars == MAX_BARS:
        walk.bars_full = 1
        return
    work.bar_numbers[walk.bars] = walk.bar
    work.bar_starts[walk.bars] = walk.bar_start
    work.bar_stops[walk.bars] = walk.bar_end
    walk.bars += 1


@borrowing_helper
def finish_bar(walk: Any, work: Any) -> None:
    """Record the notes of the last bar."""
    if walk.bars > 0 and walk.bars_full == 0:
        work.bar_hashes[walk.bars - 1] = walk.bar_hash
        work.bar_onsets[walk.bars - 1] = walk.bar_onsets


@borrowing_helper
def add_note_to_bar(walk: Any, work: Any, tick: int, pitch: int, new_onset: bool) -> None:
    """Add a note to the last bar, or to a new one."""
    if tick >= walk.bar_end:
        enter_bar(walk, tick)
        if walk.bars == 0 or work.bar_numbers[walk.bars - 1] != walk.bar:
            finish_bar(walk, work)
            _begin_bar(walk, work)
    walk.bar_hash = add_note(walk.bar_hash, walk.hash_scale, tick - walk.bar_start, pitch)
    walk.bar_onsets += new_onset or walk.bar_onsets == 0


@borrowing_helper
def link_equal_bars(work: Any, count: int) -> int:
    """Find for each of the first ``count`` bars the next one that is equal to it, -1 for none.

    Returns how many of these bars are equal to an earlier one.
    """
    size = 4
    while size < 2 * count and size < HASH_SLOTS:
        size *= 2
    for slot in range(size):
        work.slots[slot] = -1
    repeated = 0
    for bar in range(count):
        value = work.bar_hashes[bar]
        slot = value & size - 1
        before = work.slots[slot]
        while before >= 0 and work.bar_hashes[before] != value:
            slot = slot + 1 & size - 1
            before = work.slots[slot]
        if before >= 0:
            work.equal_bars[before] = bar
            repeated += 1
        work.equal_bars[bar] = -1
        work.slots[slot] = bar
    return repeated


@borrowing_helper
def _most_bars(work: Any, count: int, quarter: int) -> int:
    """Return how many bars a loop may have, by the shortest of the first ``count`` bars."""
    shortest = work.bar_stops[0] - work.bar_starts[0]
    for bar in range(count):
        shortest = min(shortest, work.bar_stops[bar] - work.bar_starts[bar])
    return int(min(MAX_LOOP_BARS, MAX_LOOP_QUARTERS * quarter // max(1, shortest)))


@borrowing_helper
def _loop_end(work: Any, first: int, most: int, quarter: int) -> int:
    """Return the bar that ends the longest loop which begins with a bar; 0 if none begins there."""
    end = 0
    if work.bar_onsets[first] < MIN_LOOP_ONSETS:
        return end
    later = work.equal_bars[first]
    while later >= 0 and work.bar_numbers[later] - work.bar_numbers[first] <= most:
        length = work.bar_starts[later] - work.bar_starts[first]
        onsets = work.onsets_before[later] - work.onsets_before[first]
        if (
            MIN_LOOP_QUARTERS * quarter <= length <= MAX_LOOP_QUARTERS * quarter
            and onsets * quarter >= MIN_ONSETS_PER_QUARTER * length
        ):
            end = later
        later = work.equal_bars[later]
    return end


@borrowing_helper
def count_looped_bars(work: Any, count: int, quarter: int) -> int:
    """Return how many of the first ``count`` bars, which are linked to equal ones, belong to a loop."""
    if count == 0:
        return 0
    onsets = 0
    for bar in range(count):
        work.onsets_before[bar] = onsets
        onsets += work.bar_onsets[bar]
    most = _most_bars(work, count, quarter)
    looped = end = 0
    for bar in range(count):
        end = max(end, _loop_end(work, bar, most, quarter))
        looped += bar < end
    return looped
