"""The entry point: the facts of several tracks."""

from typing import Any

import numpy as np

from midiprism.features.kernel.grid import fill_grid
from midiprism.features.kernel.notes import GAPS_PER_QUARTER, GROUPS_PER_QUARTER
from midiprism.features.kernel.results import fill_facts
from midiprism.features.kernel.tables import NOTHING, TEMPO_BUCKETS, TRACK_FACTS, WALK, WORK
from midiprism.features.kernel.walk import walk_track
from midiprism.smf.kernel.conductor import DEFAULT_TEMPO, SMPTE_FLAG
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point
from midiprism.smf.kernel.note_hash import onset_scale
from midiprism.smf.kernel.row_types import OUTPUT_HEADER_SIZE
from midiprism.smf.kernel.varlen import read_be16

_DIVISION_AT = 12


@borrowing_helper
def _clear(table: Any) -> None:
    for index in range(table.shape[0]):
        table[index] = 0


@borrowing_helper
def _set_resolution(walk: Any, work: Any, division: int) -> None:
    """Set the ticks of a quarter note, and those of a second where they do not depend on the tempo."""
    walk.smpte = 0
    walk.quarter = max(1, division)
    walk.tempo = DEFAULT_TEMPO
    walk.hash_scale = 0
    if division & SMPTE_FLAG != 0:
        frames = 256 - (division >> 8)
        walk.smpte = max(1, frames * (division & 0xFF))
        walk.quarter = max(1, walk.smpte // 2)
        walk.tempo = 1
    else:
        walk.hash_scale = onset_scale(division)
        if work.grid_quarter != walk.quarter:
            work.grid_quarter = walk.quarter
            fill_grid(work.grid, walk.quarter)


@borrowing_helper
def _begin(walk: Any, work: Any, division: int, drums: int) -> None:
    """Set the state and the tables to those of a track of which nothing has been read."""
    _clear(work.pitch_counts)
    _clear(work.interval_counts)
    _clear(work.level_counts)
    _clear(work.grid_counts)
    _clear(work.pitch_weights)
    _clear(work.weights)
    for bucket in range(walk.first_bucket, walk.last_bucket + 1):  # those of the track before
        work.tempo_times[bucket] = work.longest_times[bucket] = 0.0
    _set_resolution(walk, work, division)
    walk.drums = drums
    walk.tick = walk.end_of_track = walk.note_count = walk.velocities = walk.squared_velocities = 0
    walk.sounding = walk.max_sounding = 0
    walk.sounding_ticks = walk.pitch_ticks = walk.durations = 0.0
    walk.first_tick = walk.end_tick = 0
    walk.last_onset = NOTHING
    walk.first_time = walk.end_time = walk.elapsed = 0.0
    walk.tempo_tick = 0
    walk.first_bucket, walk.last_bucket = TEMPO_BUCKETS, NOTHING
    walk.group_width = walk.quarter // GROUPS_PER_QUARTER
    walk.gap_tolerance = walk.quarter // GAPS_PER_QUARTER
    walk.group_tick = walk.group_top = walk.group_low = walk.groups = 0
    walk.previous_top = walk.previous_gap = walk.gaps = walk.equal_gaps = 0
    walk.intervals = walk.leaps = 0
    walk.meter_tick = walk.meter_bar = 0
    walk.bar_size = 4 * walk.quarter * 4
    walk.bar_power = 2
    walk.bar = walk.bar_start = walk.bar_end = walk.bars = 0
    walk.bars_full = walk.bar_hash = walk.bar_onsets = 0
    walk.grid_size = 2 * walk.quarter
    walk.grid_start = 0
    walk.grid_tick = walk.grid_flags = NOTHING
    walk.swing_positions = 0.0
    walk.swing_notes = 0
    walk.parameter = walk.bank_high = walk.bank_low = NOTHING


@entry_point(
    (
        array_of(np.uint8, readonly=True),
        array_of(np.int64),
        array_of(np.int64),
        array_of(TRACK_FACTS),
        array_of(WALK),
        array_of(WORK),
    )
)
def facts_kernel(data: Any, ends: Any, drums: Any, facts: Any, walk_table: Any, work_table: Any) -> None:
    """Fill the facts of tracks.

    Args:
        data: the tracks as midiprism writes them, one after the other.
        ends: where each track ends in ``data``.
        drums: 1 for each track that plays a drum kit, else 0.
        facts: a row for each track, as ``new_facts`` returns them.
        walk_table: one row of WALK.
        work_table: one row of WORK, zero at first.
    """
    walk, work = walk_table[0], work_table[0]
    start = 0
    for index in range(ends.shape[0]):
        stop = ends[index]
        if stop - start >= OUTPUT_HEADER_SIZE:
            _begin(walk, work, read_be16(data, start + _DIVISION_AT), drums[index])
            walk_track(walk, work, facts[index], data, start + OUTPUT_HEADER_SIZE, stop)
            fill_facts(walk, work, facts[index])
        start = stop
