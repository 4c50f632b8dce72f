"""Row types and work tables of the walk over a track, and its results.

Ticks are absolute. Times are ticks multiplied by microseconds per quarter note, as in a tempo map; with an
SMPTE division they are ticks.
"""

from functools import cache
from typing import Any

import numpy as np

from midiprism.smf.kernel.row_types import row_type

PITCHES = 128
NOTE_SLOTS = 16 * PITCHES
"""A slot is ``channel * PITCHES + pitch``."""

NOMML_LEVELS = 13
GRID_FLAGS = 32
TEMPO_BUCKETS = 1024
"""Tempi are added up by whole quarter notes per minute; faster ones count as the last."""

MAX_BARS = 1 << 16
"""Bars with notes that are compared; those after them count for nothing but the length."""

HASH_SLOTS = 2 * MAX_BARS
MAX_GRID_TICKS = 2 * 0x7FFF
MAX_STATED = 8
"""Different meters, and different keys, that are listed."""

NOTHING = -1
"""Stands for a whole number that a track does not have; for others it is NaN."""

TRACK_FACTS = row_type(
    ("dominant_tempo", np.float64),
    ("meters", np.int64, MAX_STATED),
    ("keys", np.int64, MAX_STATED),
    "meter_count",
    "key_count",
    "bank",
    "mpe",
    "lyric_count",
    "first_note_ticks",
    ("first_note_seconds", np.float64),
    ("length_beats", np.float64),
    "length_bars",
    ("notes_per_beat", np.float64),
    ("notes_per_second", np.float64),
    ("polyphony", np.float64),
    "max_polyphony",
    ("mean_duration_beats", np.float64),
    "pitch_range",
    ("median_pitch", np.float64),
    ("median_interval", np.float64),
    "n_pitches_used",
    "n_pitch_classes_used",
    ("mean_velocity", np.float64),
    ("velocity_deviation", np.float64),
    "key",  # tonic, plus 12 for minor
    ("key_strength", np.float64),
    ("pitch_class_weights", np.float64, 12),
    "final_pitch",
    "final_onset_ticks",
    ("grid_4", np.float64),
    ("grid_8", np.float64),
    ("grid_16", np.float64),
    ("grid_32", np.float64),
    ("grid_triplet", np.float64),
    "nomml",
    ("swing", np.float64),
    ("bar_repetition", np.float64),
    ("loop_share", np.float64),
    "loops",
    "role",  # index in ``roles.ROLES``
    ("role_strength", np.float64),
    "low_pieces",  # a bit for each note number below 64 that is used
    "high_pieces",  # the same from 64 on
)
"""The facts of one track; whole numbers where no other type is named."""

OPTIONAL_NUMBERS = (
    *("bank", "first_note_ticks", "length_bars", "max_polyphony", "pitch_range"),
    *("n_pitches_used", "n_pitch_classes_used", "key", "final_pitch", "final_onset_ticks", "nomml"),
    *("loops", "role"),
)
"""Whole numbers that a track may not have."""

WALK = row_type(
    "drums",
    "quarter",  # ticks of a quarter note; with an SMPTE division those of half a second
    "smpte",  # ticks of a second with an SMPTE division, else 0
    "tick",
    "end_of_track",
    "note_count",
    "velocities",
    "squared_velocities",
    "sounding",  # slots in which a note sounds
    ("sounding_ticks", np.float64),  # time in which some note sounds
    ("pitch_ticks", np.float64),  # the same for each pitch, added up
    "max_sounding",
    ("durations", np.float64),
    "first_tick",
    "last_onset",
    "end_tick",  # where the last note ends
    ("first_time", np.float64),
    ("end_time", np.float64),
    ("elapsed", np.float64),  # time at ``tempo_tick``
    "tempo",
    "tempo_tick",
    "first_bucket",  # of the tempi so far, and the last one
    "last_bucket",
    "group_width",  # most ticks between the first and the last note of a group
    "gap_tolerance",  # most ticks by which gaps between groups differ that count as equal
    "group_tick",  # of the first note of a group of notes that begin together
    "group_top",
    "group_low",
    "groups",
    "previous_top",
    "previous_gap",
    "gaps",  # between groups, and of these as long as the one before
    "equal_gaps",
    "intervals",
    "leaps",  # of three semitones and more
    "meter_tick",
    "meter_bar",
    "bar_size",  # ticks of a bar, times two to the power of ``bar_power``
    "bar_power",
    "bar",
    "bar_start",
    "bar_end",
    "bars",  # with notes, as far as they are recorded
    "bars_full",  # 1 once there are too many
    "bar_hash",  # of the onsets and pitches of the last of them
    "bar_onsets",
    "hash_scale",
    "grid_size",  # ticks of two quarter notes
    "grid_start",  # the last multiple of these that a note was found behind
    "grid_tick",
    "grid_flags",
    ("swing_positions", np.float64),
    "swing_notes",
    "parameter",  # the registered parameter that is selected, or NOTHING
    "bank_high",
    "bank_low",
)
"""The state of a walk over one track."""

WORK = row_type(
    ("note_counts", np.int64, NOTE_SLOTS),  # notes that sound; 0 between two tracks
    ("level_counts", np.int64, NOMML_LEVELS),
    ("note_starts", np.int64, NOTE_SLOTS),
    ("weights", np.float64, 12),  # ticks of each pitch class
    ("pitch_counts", np.int64, PITCHES),
    ("grid_counts", np.int64, GRID_FLAGS),
    ("pitch_weights", np.float64, PITCHES),  # ticks of each pitch
    ("interval_counts", np.int64, PITCHES),
    ("tempo_times", np.float64, TEMPO_BUCKETS),
    ("longest_times", np.float64, TEMPO_BUCKETS),
    ("longest_tempi", np.int64, TEMPO_BUCKETS),
    ("grid", np.int64, MAX_GRID_TICKS),  # flags of each tick of two quarter notes
    "grid_quarter",  # ticks of a quarter note for which ``grid`` is filled
    ("bar_numbers", np.int64, MAX_BARS),  # of the bars in which some note begins
    ("bar_starts", np.int64, MAX_BARS),
    ("bar_stops", np.int64, MAX_BARS),
    ("bar_hashes", np.int64, MAX_BARS),  # of the onsets and pitches of their notes
    ("bar_onsets", np.int64, MAX_BARS),
    ("equal_bars", np.int64, MAX_BARS),  # the next bar that is equal, or -1
    ("onsets_before", np.int64, MAX_BARS),
    ("slots", np.int64, HASH_SLOTS),  # bars by their hashes
)
"""The tables of a walk, which one thread uses again for every track: a single row.

Small tables keep those with a place for each note from being a multiple of 4 KiB apart, which would let a
processor take a read of one table for a read of what it has just written to another.
"""


def new_facts(count: int) -> Any:
    """Return rows of facts that say nothing yet."""
    return np.full(count, _no_facts(), TRACK_FACTS)


@cache
def _no_facts() -> Any:
    row = np.zeros(1, TRACK_FACTS)
    for name in TRACK_FACTS.names or ():
        if TRACK_FACTS[name] == np.float64:
            row[name] = np.nan
    for name in OPTIONAL_NUMBERS:
        row[name] = NOTHING
    return row[0]


def new_work_table() -> Any:
    """Return a table with the one row that a thread needs."""
    return np.zeros(1, WORK)
