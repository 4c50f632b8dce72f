"""Tables that grow, and the state that a walk over a track keeps."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.jit import helper, inlined
from midiprism.smf.layout import (
    C_BANK,
    C_COLUMNS,
    C_DRUMS,
    C_MODE,
    C_ONSET,
    C_PROGRAM,
    DRUMS,
    E_COLUMNS,
    EFFECTS,
    M_COLUMNS,
    MELODIC,
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
    PROGRAMS,
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
from midiprism.smf.problems import KINDS, LISTED_AT_MOST

REPAIRED = np.array([kind.repaired for kind in KINDS])


class Tables(NamedTuple):
    """What the scan finds: int64 tables whose columns ``layout`` names."""

    tracks: Any
    marks: Any
    conductor: Any
    others: Any
    setup: Any
    problems: Any


@helper
def new_tables(size: int, full: bool) -> Any:
    """Empty tables for a parent of ``size`` bytes, long enough for most."""
    return Tables(
        np.empty((32, T_COLUMNS), np.int64),
        np.empty((64 + size // 64, M_COLUMNS), np.int64),
        np.empty((64 + size // 64, E_COLUMNS), np.int64),
        np.empty((64 + size // 16 if full else 1, E_COLUMNS), np.int64),
        np.empty((128 + size // 32, S_COLUMNS), np.int64),
        np.empty((16, P_COLUMNS), np.int64),
    )


@helper
def longer(table: Any, rows: int) -> Any:
    """A table twice as long, with the first ``rows`` rows of this one."""
    copy = np.empty((2 * table.shape[0], table.shape[1]), np.int64)
    for row in range(rows):
        for column in range(table.shape[1]):
            copy[row, column] = table[row, column]
    return copy


@inlined
def room(table: Any, rows: int) -> Any:
    """The table, twice as long where ``rows`` fill it."""
    return table if rows < table.shape[0] else longer(table, rows)


@helper
def with_room(tables: Any, counters: Any) -> Any:
    """The tables, with room for one more track."""
    tracks = room(tables.tracks, counters[N_TRACKS])
    return Tables(tracks, tables.marks, tables.conductor, tables.others, tables.setup, tables.problems)


@inlined
def grown(tables: Any, counters: Any) -> Any:
    """The tables with twice the room for what a scan finds."""
    return Tables(
        tables.tracks,
        longer(tables.marks, counters[N_MARKS]),
        longer(tables.conductor, counters[N_CONDUCTOR]),
        longer(tables.others, counters[N_OTHERS]),
        longer(tables.setup, counters[N_SETUP]),
        tables.problems,
    )


@inlined
def reset(work: Any) -> None:
    """Empty the state of a walk, but for its problems."""
    for at in range(W_KEYS, W_KEYS + work[W_PLAYED]):
        work[W_PLAYS + work[at]] = 0
    work[W_PLAYED] = 0
    work[W_NOTES] = 0
    work[W_LOW] = 127
    work[W_HIGH] = 0
    work[W_SOUNDING] = 0
    work[W_GS] = 0
    for channel in range(16):
        state = W_CHANNELS + channel * C_COLUMNS
        work[state + C_PROGRAM] = NO_PROGRAM
        work[state + C_BANK] = -1
        work[state + C_MODE] = -1
        work[state + C_ONSET] = -1
        work[state + C_DRUMS] = 0


@helper
def found(work: Any, kind: int, offset: int) -> None:
    """Count a problem of the track."""
    if work[W_COUNTS + kind] == 0:
        work[W_FIRSTS + kind] = offset
    work[W_COUNTS + kind] += 1
    work[W_FOUND] += 1


@inlined
def forget(work: Any) -> None:
    """Drop the problems counted since the last track was closed."""
    if work[W_FOUND] > 0:
        work[W_FOUND] = 0
        for kind in range(len(KINDS)):
            work[W_COUNTS + kind] = 0


@helper
def report(tables: Any, counters: Any, kind: int, track: int, offset: int, count: int) -> Any:
    """List a problem, or count it where very many are listed; returns the tables."""
    if REPAIRED[kind]:
        counters[N_REPAIRED] += 1
    if counters[N_PROBLEMS] >= LISTED_AT_MOST:
        counters[N_UNLISTED] += 1
        return tables
    row = counters[N_PROBLEMS]
    problems = room(tables.problems, row)
    problems[row, P_KIND] = kind
    problems[row, P_TRACK] = track
    problems[row, P_OFFSET] = offset
    problems[row, P_COUNT] = count
    counters[N_PROBLEMS] += 1
    return Tables(tables.tracks, tables.marks, tables.conductor, tables.others, tables.setup, problems)


@helper
def report_all(tables: Any, counters: Any, work: Any, track: int) -> Any:
    """List what was counted of a track; returns the tables."""
    for kind in range(len(KINDS)):
        if work[W_COUNTS + kind] > 0:
            tables = report(tables, counters, kind, track, work[W_FIRSTS + kind], work[W_COUNTS + kind])
    forget(work)
    return tables


@inlined
def drum_state(channel: int, bank: int, mode: int, gs: bool) -> int:
    """MELODIC, DRUMS or EFFECTS: what a channel plays (0 to 15).

    A part mode set by GS or XG sysex rules; then the bank select MSB (XG: 127 drums, 126 effects, unless a GS
    reset was seen; General MIDI 2: 120 drums, 121 melodic); then channel 10.
    """
    if mode >= 0:
        return DRUMS if mode else MELODIC
    if bank == 120 or (bank == 127 and not gs):
        return DRUMS
    if bank == 126 and not gs:
        return EFFECTS
    if bank == 121:
        return MELODIC
    return DRUMS if channel == 9 else MELODIC


@inlined
def own_drums(work: Any, channel: int) -> int:
    """The drum state of a channel by what the track itself has sent so far."""
    state = W_CHANNELS + channel * C_COLUMNS
    return drum_state(channel, work[state + C_BANK], work[state + C_MODE], work[W_GS] > 0)


@helper
def first_play(work: Any, channel: int, key: int, tick: int) -> None:
    """List a channel and program that begins to play."""
    work[W_KEYS + work[W_PLAYED]] = key
    work[W_PLAYED] += 1
    state = W_CHANNELS + channel * C_COLUMNS
    if work[state + C_ONSET] < 0:
        work[state + C_ONSET] = tick
        work[state + C_DRUMS] = own_drums(work, channel)


@inlined
def play(work: Any, channel: int, tick: int) -> None:
    """Count a note of a channel under the program in force."""
    key = channel * PROGRAMS + work[W_CHANNELS + channel * C_COLUMNS + C_PROGRAM]
    if work[W_PLAYS + key] == 0:
        first_play(work, channel, key, tick)
    work[W_PLAYS + key] += 1


@helper
def lead(work: Any, channel: int) -> tuple[int, int]:
    """Key of the channel and program with most notes, the lowest of equals, and the one program that plays.

    The program is -1 where several play, or where none was selected. Only notes of one channel count where
    ``channel`` is not -1.
    """
    best = ZERO - 1
    only = ZERO - 1
    for at in range(W_KEYS, W_KEYS + work[W_PLAYED]):
        key = work[at]
        if channel >= 0 and key // PROGRAMS != channel:
            continue
        program = key % PROGRAMS
        if best < 0:
            best, only = key, program
        elif work[W_PLAYS + key] > work[W_PLAYS + best] or (
            work[W_PLAYS + key] == work[W_PLAYS + best] and key < best
        ):
            best = key
        if program != only:
            only = ZERO + NO_PROGRAM
    return best, ZERO - 1 if only == NO_PROGRAM else only
