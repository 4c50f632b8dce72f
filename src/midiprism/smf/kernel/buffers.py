"""Tables that grow, and the state that a walk over a track keeps."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_fields import (
    C_BANK,
    C_COLUMNS,
    C_DRUMS,
    C_MODE,
    C_ONSET,
    C_PROGRAM,
    DRUM_STATE_DRUMS,
    DRUM_STATE_EFFECTS,
    DRUM_STATE_MELODIC,
    E_COLUMNS,
    M_COLUMNS,
    N_CONDUCTOR,
    N_MARKS,
    N_OTHERS,
    N_PROBLEMS,
    N_REPAIRED,
    N_SETUP,
    N_TRACKS,
    N_UNLISTED,
    NO_PROGRAM,
    P_COLUMNS,
    P_COUNT,
    P_KIND,
    P_OFFSET,
    P_TRACK,
    PROGRAM_SLOTS,
    S_COLUMNS,
    T_COLUMNS,
    W_CHANNELS,
    W_COUNTS,
    W_FIRSTS,
    W_FOUND,
    W_GS,
    W_HIGH,
    W_KEYS,
    W_LOW,
    W_NOTES,
    W_PLAYED,
    W_PLAYS,
    W_SOUNDING,
    ZERO,
)
from midiprism.smf.problems import MAX_LISTED_PROBLEMS, PROBLEM_KINDS

KIND_IS_REPAIRED = np.array([kind.repaired for kind in PROBLEM_KINDS])


class ScanTables(NamedTuple):
    """What the scan finds: int64 tables whose columns ``layout`` names."""

    tracks: Any
    checkpoints: Any
    conductor_events: Any
    context_events: Any
    setup: Any
    problems: Any


@helper
def new_scan_tables(size: int, full_context: bool) -> Any:
    """Empty tables for a song of ``size`` bytes, long enough for most."""
    return ScanTables(
        np.empty((32, T_COLUMNS), np.int64),
        np.empty((64 + size // 64, M_COLUMNS), np.int64),
        np.empty((64 + size // 64, E_COLUMNS), np.int64),
        np.empty((64 + size // 16 if full_context else 1, E_COLUMNS), np.int64),
        np.empty((128 + size // 32, S_COLUMNS), np.int64),
        np.empty((16, P_COLUMNS), np.int64),
    )


@helper
def double_length(table: Any, rows: int) -> Any:
    """A table twice as long, with the first ``rows`` rows of this one."""
    copy = np.empty((2 * table.shape[0], table.shape[1]), np.int64)
    for row in range(rows):
        for column in range(table.shape[1]):
            copy[row, column] = table[row, column]
    return copy


@inlined
def ensure_capacity(table: Any, rows: int) -> Any:
    """The table, twice as long where ``rows`` fill it."""
    return table if rows < table.shape[0] else double_length(table, rows)


@helper
def ensure_track_capacity(tables: Any, counters: Any) -> Any:
    """The tables, with room for one more track."""
    tracks = ensure_capacity(tables.tracks, counters[N_TRACKS])
    return ScanTables(
        tracks,
        tables.checkpoints,
        tables.conductor_events,
        tables.context_events,
        tables.setup,
        tables.problems,
    )


@inlined
def grow_scan_tables(tables: Any, counters: Any) -> Any:
    """The tables with twice the room for what a scan finds."""
    return ScanTables(
        tables.tracks,
        double_length(tables.checkpoints, counters[N_MARKS]),
        double_length(tables.conductor_events, counters[N_CONDUCTOR]),
        double_length(tables.context_events, counters[N_OTHERS]),
        double_length(tables.setup, counters[N_SETUP]),
        tables.problems,
    )


@inlined
def reset_track_state(track_state: Any) -> None:
    """Empty the state of a walk, but for its problems."""
    for at in range(W_KEYS, W_KEYS + track_state[W_PLAYED]):
        track_state[W_PLAYS + track_state[at]] = 0
    track_state[W_PLAYED] = 0
    track_state[W_NOTES] = 0
    track_state[W_LOW] = 127
    track_state[W_HIGH] = 0
    track_state[W_SOUNDING] = 0
    track_state[W_GS] = 0
    for channel in range(16):
        state = W_CHANNELS + channel * C_COLUMNS
        track_state[state + C_PROGRAM] = NO_PROGRAM
        track_state[state + C_BANK] = -1
        track_state[state + C_MODE] = -1
        track_state[state + C_ONSET] = -1
        track_state[state + C_DRUMS] = 0


@helper
def count_problem(track_state: Any, kind: int, offset: int) -> None:
    """Count a problem of the track."""
    if track_state[W_COUNTS + kind] == 0:
        track_state[W_FIRSTS + kind] = offset
    track_state[W_COUNTS + kind] += 1
    track_state[W_FOUND] += 1


@inlined
def clear_problem_counts(track_state: Any) -> None:
    """Drop the problems counted since the last track was closed."""
    if track_state[W_FOUND] > 0:
        track_state[W_FOUND] = 0
        for kind in range(len(PROBLEM_KINDS)):
            track_state[W_COUNTS + kind] = 0


@helper
def report_problem(tables: Any, counters: Any, kind: int, track: int, offset: int, count: int) -> Any:
    """List a problem, or count it where very many are listed; returns the tables."""
    if KIND_IS_REPAIRED[kind]:
        counters[N_REPAIRED] += 1
    if counters[N_PROBLEMS] >= MAX_LISTED_PROBLEMS:
        counters[N_UNLISTED] += 1
        return tables
    row = counters[N_PROBLEMS]
    problems = ensure_capacity(tables.problems, row)
    problems[row, P_KIND] = kind
    problems[row, P_TRACK] = track
    problems[row, P_OFFSET] = offset
    problems[row, P_COUNT] = count
    counters[N_PROBLEMS] += 1
    return ScanTables(
        tables.tracks,
        tables.checkpoints,
        tables.conductor_events,
        tables.context_events,
        tables.setup,
        problems,
    )


@helper
def report_track_problems(tables: Any, counters: Any, track_state: Any, track: int) -> Any:
    """List what was counted of a track; returns the tables."""
    for kind in range(len(PROBLEM_KINDS)):
        if track_state[W_COUNTS + kind] > 0:
            tables = report_problem(
                tables, counters, kind, track, track_state[W_FIRSTS + kind], track_state[W_COUNTS + kind]
            )
    clear_problem_counts(track_state)
    return tables


@inlined
def drum_state(channel: int, bank: int, walk_pass: int, gs: bool) -> int:
    """MELODIC, DRUMS or EFFECTS: what a channel plays (0 to 15).

    A part mode set by GS or XG sysex rules; then the bank select MSB (XG: 127 drums, 126 effects, unless a GS
    reset was seen; General MIDI 2: 120 drums, 121 melodic); then channel 10.
    """
    if walk_pass >= 0:
        return DRUM_STATE_DRUMS if walk_pass else DRUM_STATE_MELODIC
    if bank == 120 or (bank == 127 and not gs):
        return DRUM_STATE_DRUMS
    if bank == 126 and not gs:
        return DRUM_STATE_EFFECTS
    if bank == 121:
        return DRUM_STATE_MELODIC
    return DRUM_STATE_DRUMS if channel == 9 else DRUM_STATE_MELODIC


@inlined
def track_drum_state(track_state: Any, channel: int) -> int:
    """The drum state of a channel by what the track itself has sent so far."""
    state = W_CHANNELS + channel * C_COLUMNS
    return drum_state(
        channel, track_state[state + C_BANK], track_state[state + C_MODE], track_state[W_GS] > 0
    )


@helper
def record_first_note(track_state: Any, channel: int, key: int, tick: int) -> None:
    """List a channel and program that begins to play."""
    track_state[W_KEYS + track_state[W_PLAYED]] = key
    track_state[W_PLAYED] += 1
    state = W_CHANNELS + channel * C_COLUMNS
    if track_state[state + C_ONSET] < 0:
        track_state[state + C_ONSET] = tick
        track_state[state + C_DRUMS] = track_drum_state(track_state, channel)


@inlined
def count_note_by_program(track_state: Any, channel: int, tick: int) -> None:
    """Count a note of a channel under the program in force."""
    key = channel * PROGRAM_SLOTS + track_state[W_CHANNELS + channel * C_COLUMNS + C_PROGRAM]
    if track_state[W_PLAYS + key] == 0:
        record_first_note(track_state, channel, key, tick)
    track_state[W_PLAYS + key] += 1


@helper
def lead_channel_and_program(track_state: Any, channel: int) -> tuple[int, int]:
    """Key of the channel and program with most notes, the lowest of equals, and the one program that plays.

    The program is -1 where several play, or where none was selected. Only notes of one channel count where
    ``channel`` is not -1.
    """
    best = ZERO - 1
    only = ZERO - 1
    for at in range(W_KEYS, W_KEYS + track_state[W_PLAYED]):
        key = track_state[at]
        if channel >= 0 and key // PROGRAM_SLOTS != channel:
            continue
        program = key % PROGRAM_SLOTS
        if best < 0:
            best, only = key, program
        elif track_state[W_PLAYS + key] > track_state[W_PLAYS + best] or (
            track_state[W_PLAYS + key] == track_state[W_PLAYS + best] and key < best
        ):
            best = key
        if program != only:
            only = ZERO + NO_PROGRAM
    return best, ZERO - 1 if only == NO_PROGRAM else only
