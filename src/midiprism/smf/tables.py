"""Tables that grow, and the state that a walk over a track keeps."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.jit import helper
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
    N_PROBLEMS,
    N_REPAIRED,
    N_UNLISTED,
    NO_PROGRAM,
    P_COLUMNS,
    PROGRAMS,
    S_COLUMNS,
    T_COLUMNS,
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


class Work(NamedTuple):
    """State of one walk over a track, emptied before the next.

    ``active`` counts sounding notes by channel and pitch, ``plays`` notes by channel and program with
    ``played`` as the list of its keys in use, ``channels`` is what each channel is set to, ``counts`` and
    ``firsts`` are the problems of each kind.
    """

    active: Any
    plays: Any
    played: Any
    channels: Any
    counts: Any
    firsts: Any


@helper
def new_tables() -> Any:
    """Empty tables."""
    return Tables(
        np.empty((16, T_COLUMNS), np.int64),
        np.empty((128, M_COLUMNS), np.int64),
        np.empty((32, E_COLUMNS), np.int64),
        np.empty((8, E_COLUMNS), np.int64),
        np.empty((64, S_COLUMNS), np.int64),
        np.empty((16, P_COLUMNS), np.int64),
    )


@helper
def new_work() -> Any:
    """State for the first walk."""
    return Work(
        np.zeros(2048, np.int32),
        np.zeros(16 * PROGRAMS, np.int32),
        np.zeros(16 * PROGRAMS + 1, np.int32),
        np.empty((16, C_COLUMNS), np.int64),
        np.zeros(len(KINDS), np.int64),
        np.zeros(len(KINDS), np.int64),
    )


@helper
def room(table: Any, rows: int) -> Any:
    """The table, twice as long where ``rows`` fill it."""
    if rows < table.shape[0]:
        return table
    longer = np.empty((2 * table.shape[0], table.shape[1]), np.int64)
    longer[:rows] = table[:rows]
    return longer


@helper
def reset(work: Any) -> None:
    """Empty the state of a walk. ``played[-1]`` is the number of keys in use."""
    for at in range(work.played[-1]):
        work.plays[work.played[at]] = 0
    work.played[-1] = 0
    for channel in range(16):
        work.channels[channel, C_PROGRAM] = NO_PROGRAM
        work.channels[channel, C_BANK] = -1
        work.channels[channel, C_MODE] = -1
        work.channels[channel, C_ONSET] = -1
        work.channels[channel, C_DRUMS] = 0


@helper
def found(work: Any, kind: int, offset: int) -> None:
    """Count a problem of the track."""
    if work.counts[kind] == 0:
        work.firsts[kind] = offset
    work.counts[kind] += 1


@helper
def forget(work: Any) -> None:
    """Drop the problems counted since the last track was closed."""
    for kind in range(work.counts.shape[0]):
        work.counts[kind] = 0


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
    problems[row, 0] = kind
    problems[row, 1] = track
    problems[row, 2] = offset
    problems[row, 3] = count
    counters[N_PROBLEMS] += 1
    return Tables(tables.tracks, tables.marks, tables.conductor, tables.others, tables.setup, problems)


@helper
def report_all(tables: Any, counters: Any, work: Any, track: int) -> Any:
    """List what was counted of a track; returns the tables."""
    for kind in range(work.counts.shape[0]):
        if work.counts[kind] > 0:
            tables = report(tables, counters, kind, track, work.firsts[kind], work.counts[kind])
            work.counts[kind] = 0
    return tables


@helper
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


@helper
def play(work: Any, channel: int, tick: int, gs: bool) -> None:
    """Count a note of a channel under the program in force."""
    key = channel * PROGRAMS + work.channels[channel, C_PROGRAM]
    if work.plays[key] == 0:
        work.played[work.played[-1]] = key
        work.played[-1] += 1
        if work.channels[channel, C_ONSET] < 0:
            bank, mode = work.channels[channel, C_BANK], work.channels[channel, C_MODE]
            work.channels[channel, C_ONSET] = tick
            work.channels[channel, C_DRUMS] = drum_state(channel, bank, mode, gs)
    work.plays[key] += 1


@helper
def lead(work: Any, channel: int) -> tuple[int, int]:
    """Key of the channel and program with most notes, the lowest of equals, and the one program that plays.

    The program is -1 where several play, or where none was selected. Only notes of one channel count where
    ``channel`` is not -1.
    """
    best = -1
    only = -1
    for at in range(work.played[-1]):
        key = np.int64(work.played[at])
        if channel >= 0 and key // PROGRAMS != channel:
            continue
        program = key % PROGRAMS
        if best < 0:
            best, only = key, program
        elif work.plays[key] > work.plays[best] or (work.plays[key] == work.plays[best] and key < best):
            best = key
        if program != only:
            only = NO_PROGRAM
    return best, -1 if only == NO_PROGRAM else only
