"""The notes of a track as they begin and end, counted and added up one by one.

A note that begins while its pitch still sounds on its channel ends the note before; a pitch sounds until it
has had as many note-offs as notes.
"""

from typing import Any

from midiprism.features.kernel.bars import add_note_to_bar
from midiprism.features.kernel.grid import GRID_SHIFT, LEVEL_MASK, SWING_BIT
from midiprism.features.kernel.tables import NOTE_SLOTS, PITCHES
from midiprism.smf.kernel.jit import borrowing_helper

GROUPS_PER_QUARTER = 12
"""Notes that begin within this part of a quarter note after the first of them form a group."""

GAPS_PER_QUARTER = 24
MAX_WEIGHT_QUARTERS = 4
"""A note counts for no more than this in the profile of a key."""

LEAP = 3


@borrowing_helper
def _finish_note(walk: Any, work: Any, pitch: int, ticks: int) -> None:
    walk.durations += ticks
    work.pitch_weights[pitch] += min(ticks, MAX_WEIGHT_QUARTERS * walk.quarter)


@borrowing_helper
def _finish_group(walk: Any, work: Any, next_tick: int) -> None:
    """Count the interval and the gap that a group of notes makes with its neighbours."""
    if walk.groups > 1:
        interval = abs(walk.group_top - walk.previous_top)
        work.interval_counts[interval] += 1
        walk.intervals += 1
        walk.leaps += interval >= LEAP
    walk.previous_top = walk.group_top
    gap = next_tick - walk.group_tick
    if gap > 0:
        walk.gaps += 1
        walk.equal_gaps += abs(gap - walk.previous_gap) <= walk.gap_tolerance
        walk.previous_gap = gap


@borrowing_helper
def _add_to_group(walk: Any, work: Any, tick: int, pitch: int) -> None:
    if walk.groups > 0 and tick - walk.group_tick <= walk.group_width:
        walk.group_top = max(walk.group_top, pitch)
        walk.group_low = min(walk.group_low, pitch)
        return
    if walk.groups > 0:
        _finish_group(walk, work, tick)
    walk.groups += 1
    walk.group_tick = tick
    walk.group_top = pitch
    walk.group_low = pitch


@borrowing_helper
def finish_groups(walk: Any, work: Any) -> None:
    """Count the last group."""
    if walk.groups > 0:
        _finish_group(walk, work, walk.group_tick)


@borrowing_helper
def _place_on_grid(walk: Any, work: Any, tick: int) -> None:
    if tick != walk.grid_tick:
        walk.grid_tick = tick
        place = tick - walk.grid_start
        if place >= walk.grid_size:
            place = tick % walk.grid_size
            walk.grid_start = tick - place
        walk.grid_flags = work.grid[place]
        if walk.grid_flags & SWING_BIT:
            walk.swing_positions += place - walk.quarter if place >= walk.quarter else place
            walk.swing_notes += 1
    flags = walk.grid_flags
    work.level_counts[flags & LEVEL_MASK] += 1
    work.grid_counts[flags >> GRID_SHIFT & 31] += 1


@borrowing_helper
def begin_note(walk: Any, work: Any, slot: int, velocity: int) -> None:
    """Count a note that begins at the tick of the walk."""
    tick, pitch = walk.tick, slot % PITCHES
    if walk.note_count == 0:
        walk.first_tick = tick
        walk.first_time = walk.elapsed + float(tick - walk.tempo_tick) * walk.tempo
    walk.note_count += 1
    walk.velocities += velocity
    walk.squared_velocities += velocity * velocity
    work.pitch_counts[pitch] += 1
    if work.note_counts[slot] > 0:
        _finish_note(walk, work, pitch, tick - work.note_starts[slot])
    else:
        walk.sounding += 1
    work.note_counts[slot] += 1
    work.note_starts[slot] = tick
    new_onset = walk.last_onset != tick
    walk.last_onset = tick
    _add_to_group(walk, work, tick, pitch)
    if walk.smpte == 0:
        _place_on_grid(walk, work, tick)
        add_note_to_bar(walk, work, tick, pitch, new_onset)


@borrowing_helper
def end_note(walk: Any, work: Any, slot: int) -> None:
    """Count a note-off, if a note sounds there."""
    count = work.note_counts[slot]
    if count == 0:
        return
    if count == 1:
        walk.sounding -= 1
        _finish_note(walk, work, slot % PITCHES, walk.tick - work.note_starts[slot])
    work.note_counts[slot] = count - 1
    walk.end_tick = walk.tick


@borrowing_helper
def end_notes(walk: Any, work: Any, first_slot: int, last_slot: int) -> None:
    """End all notes in a range of slots."""
    if walk.sounding > 0:
        for slot in range(first_slot, last_slot):
            if work.note_counts[slot] > 0:
                work.note_counts[slot] = 1
                end_note(walk, work, slot)


@borrowing_helper
def end_all_notes(walk: Any, work: Any) -> None:
    """End every note that sounds."""
    end_notes(walk, work, 0, NOTE_SLOTS)


@borrowing_helper
def advance(walk: Any, ticks: int) -> None:
    """Let time pass, in which the notes sound that sound now."""
    walk.tick += ticks
    if walk.sounding > 0:
        walk.sounding_ticks += ticks
        walk.pitch_ticks += float(ticks * walk.sounding)
        walk.max_sounding = max(walk.max_sounding, walk.sounding)
