"""The facts of a track from the state of the walk over it."""

from typing import Any

import numpy as np

from midiprism.features.kernel.bars import bar_of, count_looped_bars, finish_bar, link_equal_bars
from midiprism.features.kernel.grid import GRID_COUNT
from midiprism.features.kernel.key_profile import find_key
from midiprism.features.kernel.notes import finish_groups
from midiprism.features.kernel.roles import find_role
from midiprism.features.kernel.tables import NOMML_LEVELS, NOTHING, PITCHES
from midiprism.smf.kernel.conductor import MICROSECONDS_PER_SECOND
from midiprism.smf.kernel.jit import borrowing_helper

MIN_SWING_NOTES = 8
HANGING_PER_QUARTER = 8
"""A note that ends less than this part of a quarter note behind a bar line does not reach into the bar."""

_STEPS = 1e4
"""Facts that are no whole numbers are rounded to one part of this, but for seconds and tempi."""


@borrowing_helper
def _rounded(value: float) -> float:
    return float(np.rint(value * _STEPS)) / _STEPS


@borrowing_helper
def _share(count: float, total: float) -> float:
    return _rounded(count / total) if total > 0 else np.nan


@borrowing_helper
def _median(counts: Any, size: int, total: int) -> float:
    """Return the median of whole numbers below ``size`` from how often each occurs; NaN of none."""
    if total == 0:
        return np.nan
    low = high = -1
    seen = 0
    for value in range(size):
        seen += counts[value]
        if low < 0 and 2 * seen >= total:
            low = value
        if 2 * seen > total:
            high = value
            break
    return (low + high) / 2


@borrowing_helper
def _fill_pitches(walk: Any, work: Any, facts: Any) -> None:
    lowest = highest = -1
    classes = 0
    facts.n_pitches_used = 0
    for pitch in range(PITCHES):
        if work.pitch_counts[pitch] == 0:
            continue
        lowest = pitch if lowest < 0 else lowest
        highest = pitch
        facts.n_pitches_used += 1
        classes |= 1 << pitch % 12
        work.weights[pitch % 12] += work.pitch_weights[pitch]
        if walk.drums != 0:
            if pitch < 64:
                facts.low_pieces |= 1 << pitch
            else:
                facts.high_pieces |= 1 << (pitch - 64)
    if walk.drums != 0:
        return
    facts.pitch_range = highest - lowest
    facts.n_pitch_classes_used = 0
    for pitch_class in range(12):
        facts.n_pitch_classes_used += classes >> pitch_class & 1
        facts.pitch_class_weights[pitch_class] = min(65504.0, work.weights[pitch_class] / walk.quarter)
    facts.median_pitch = _median(work.pitch_counts, PITCHES, walk.note_count)
    facts.median_interval = _median(work.interval_counts, PITCHES, walk.intervals)
    facts.final_pitch = walk.group_low
    facts.key, strength = find_key(work.weights, walk.group_low)
    facts.key_strength = _rounded(strength) if facts.key != NOTHING else np.nan


@borrowing_helper
def _fill_velocities(walk: Any, facts: Any) -> None:
    mean = walk.velocities / walk.note_count
    facts.mean_velocity = _rounded(mean)
    variance = walk.squared_velocities / walk.note_count - mean * mean
    facts.velocity_deviation = _rounded(max(0.0, variance) ** 0.5)


@borrowing_helper
def _fill_tempo(walk: Any, work: Any, facts: Any) -> None:
    if walk.smpte != 0:
        return
    best = -1
    for bucket in range(walk.first_bucket, walk.last_bucket + 1):
        if work.tempo_times[bucket] > (work.tempo_times[best] if best >= 0 else 0.0):
            best = bucket
    tempo = work.longest_tempi[best] if best >= 0 else walk.tempo
    if tempo > 0:
        facts.dominant_tempo = 60.0 * MICROSECONDS_PER_SECOND / tempo


@borrowing_helper
def _fill_grid(walk: Any, work: Any, facts: Any) -> None:
    notes = float(walk.note_count)
    counts_4 = counts_8 = counts_16 = counts_32 = counts_triplet = 0
    for flags in range(1 << GRID_COUNT):
        count = work.grid_counts[flags]
        counts_4 += count * (flags & 1)
        counts_8 += count * (flags >> 1 & 1)
        counts_16 += count * (flags >> 2 & 1)
        counts_32 += count * (flags >> 3 & 1)
        counts_triplet += count * (flags >> 4 & 1)
    facts.grid_4 = _share(counts_4, notes)
    facts.grid_8 = _share(counts_8, notes)
    facts.grid_16 = _share(counts_16, notes)
    facts.grid_32 = _share(counts_32, notes)
    facts.grid_triplet = _share(counts_triplet, notes)
    facts.nomml = int(_median(work.level_counts, NOMML_LEVELS, walk.note_count))
    if walk.swing_notes >= MIN_SWING_NOTES:
        position = walk.swing_positions / walk.swing_notes / walk.quarter
        facts.swing = _rounded(position / (1.0 - position))


@borrowing_helper
def _fill_bars(walk: Any, work: Any, facts: Any) -> None:
    quarter = walk.quarter
    beats = (walk.end_tick - walk.first_tick) / quarter
    facts.length_beats = _rounded(beats)
    facts.notes_per_beat = _share(walk.note_count, beats)
    first = work.bar_numbers[0]
    hanging = quarter // HANGING_PER_QUARTER
    last_tick = max(walk.last_onset, walk.end_tick - hanging - 1)
    last = bar_of(walk, last_tick) if last_tick >= walk.meter_tick else walk.bar
    facts.length_bars = max(last, walk.bar) - first + 1
    finish_bar(walk, work)
    facts.bar_repetition = _share(link_equal_bars(work, walk.bars), walk.bars)
    looped = count_looped_bars(work, walk.bars, quarter)
    facts.loop_share = _share(looped, walk.bars)
    facts.loops = _ends_on_a_bar_line(walk, walk.end_of_track, 0) or _ends_on_a_bar_line(
        walk, walk.end_tick, hanging
    )


@borrowing_helper
def _ends_on_a_bar_line(walk: Any, tick: int, tolerance: int) -> bool:
    """Return whether a tick that no note outlasts is on a bar line behind the last meter, or close to one."""
    passed = (tick - walk.meter_tick) << walk.bar_power
    rest = passed % walk.bar_size
    near = tolerance << walk.bar_power
    return passed > 0 and walk.end_tick <= tick and (rest <= near or walk.bar_size - rest <= near)


@borrowing_helper
def fill_facts(walk: Any, work: Any, facts: Any) -> None:
    """Fill the facts of a track that the walk has read."""
    _fill_tempo(walk, work, facts)
    if walk.note_count == 0:
        return
    finish_groups(walk, work)
    scale = 1.0 / (walk.smpte if walk.smpte != 0 else walk.quarter * MICROSECONDS_PER_SECOND)
    facts.first_note_ticks = walk.first_tick
    facts.first_note_seconds = walk.first_time * scale
    facts.notes_per_second = _share(walk.note_count, (walk.end_time - walk.first_time) * scale)
    facts.final_onset_ticks = walk.last_onset
    facts.max_polyphony = walk.max_sounding
    facts.polyphony = _share(walk.pitch_ticks, walk.sounding_ticks)
    _fill_velocities(walk, facts)
    _fill_pitches(walk, work, facts)
    if walk.smpte == 0:
        facts.mean_duration_beats = _rounded(walk.durations / walk.note_count / walk.quarter)
        _fill_grid(walk, work, facts)
        _fill_bars(walk, work, facts)
    facts.role, strength = find_role(walk, facts)
    facts.role_strength = _rounded(strength)
