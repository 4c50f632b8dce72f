"""The kernel: a parent's bytes in; its splits' bytes, and tables of facts and problems, out."""

from typing import Any

import numpy as np

from midiprism.smf import problems
from midiprism.smf.chunks import is_chunk, is_track, next_track, read_chunks
from midiprism.smf.conductor import conductor_guests, conductor_of, seconds_at
from midiprism.smf.divide import walk
from midiprism.smf.jit import entry_point, helper, inlined
from midiprism.smf.layout import (
    A_AT,
    BOUNDLESS,
    BY_AUTO,
    BY_CHANNEL,
    BY_TRACK,
    E_COLUMNS,
    F_COLUMNS,
    F_TOLD,
    FILE,
    G_BY,
    G_COUNT,
    G_FORMAT,
    G_FULL,
    G_MERGES,
    G_WALK_ALL,
    HEADER,
    LIMIT_OUTPUT,
    N_CONDUCTOR,
    N_COUNTERS,
    N_EVENTS,
    N_OTHERS,
    N_PROBLEMS,
    N_SECONDS,
    N_SETUP,
    N_SPLITS,
    N_STATUS,
    N_TICKS,
    N_TRACKS,
    O_COLUMNS,
    O_SECONDS,
    O_START,
    O_STATED,
    O_STOP,
    O_TRACK,
    OK,
    P_COLUMNS,
    T_CHANNELS,
    T_COLUMNS,
    T_CONDUCTOR_FIRST,
    T_CONDUCTOR_LAST,
    T_NOTES,
    T_SPLICED,
    T_TICKS,
    W_SIZE,
    WRITE,
    ZERO,
)
from midiprism.smf.lookup import group_others, group_setup
from midiprism.smf.octets import be16, be32
from midiprism.smf.parts import rewind
from midiprism.smf.plan import Song, choose, least_output, plan, prepare_walk
from midiprism.smf.splice import put_header, splice
from midiprism.smf.stating import state_merged
from midiprism.smf.tables import new_tables, report, report_all


@helper
def first_chunk(data: Any, tables: Any, counters: Any) -> Any:
    """The tables, and where the first chunk behind the header is."""
    length = be32(data, ZERO + 4)
    at = 8 + length
    if length == 6 or (length > 6 and at <= data.shape[0] and is_chunk(data, at)):
        return tables, at
    found = 14 if is_track(data, ZERO + 14) else next_track(data, ZERO + 14, data.shape[0])
    tables = report(tables, counters, problems.HEADER_LENGTH, FILE, ZERO + 4, length)
    return tables, found if found >= 0 else max(14, min(at, data.shape[0]))


@inlined
def resolve(by: int, tables: Any, tracks: int) -> int:
    """What ``auto`` means: by channel where all notes are in one track, on several channels."""
    if by != BY_AUTO:
        return by
    lone = -1
    for track in range(tracks):
        if tables.tracks[track, T_NOTES] > 0:
            if lone >= 0:
                return BY_TRACK
            lone = track
    if lone < 0:
        return BY_TRACK
    channels = tables.tracks[lone, T_CHANNELS]
    return BY_CHANNEL if channels & (channels - 1) else BY_TRACK


@inlined
def put_stated(split: Any, facts: Any) -> None:
    """Put what a split states into its row."""
    for column in range(F_TOLD):
        split[O_STATED + column] = facts[column]


@inlined
def write(song: Any, out: Any, splits: Any, walked: int, guests: Any, parts: Any, work: Any) -> Any:
    """Write all splits that were planned; returns the bytes written, and the tables with what was found.

    ``guests`` and ``parts`` are at hand for the track ``walked``.
    """
    division = be16(song.data, ZERO + 12)
    tables = song.tables
    tracks, marks, conductor, events = tables.tracks, tables.marks, tables.conductor, song.conductor.events
    none = conductor[:0]
    facts = np.empty(F_COLUMNS, np.int64)
    at = ZERO
    row = ZERO
    while row < splits.shape[0]:
        track = splits[row, O_TRACK]
        if tracks[track, T_SPLICED]:
            splits[row, O_START] = at
            here = none
            if song.settings[G_MERGES]:
                here = conductor_guests(song.data, tracks[track], conductor, events, track)
            at = splice(song.data, out, at, tracks[track], marks, track, here, division)
            splits[row, O_STOP] = at
            state_merged(facts, song.data, tracks[track], conductor, here, track)
            put_stated(splits[row], facts)
            row += 1
            continue
        if track != walked:
            guests, parts = prepare_walk(song, out, track, work)
            walked = track
        number = parts.rows.shape[0]
        state_merged(facts, song.data, tracks[track], conductor, guests, track)
        for part in range(number):
            put_stated(splits[row + part], facts)
            size = splits[row + part, O_STOP]
            splits[row + part, O_START] = at
            splits[row + part, O_STOP] = at + size
            put_header(out, at, division, size - HEADER)
            at += size
        rewind(parts)
        for part in range(number):
            parts.rows[part, A_AT] = splits[row + part, O_START] + HEADER
        walk(song.data, out, song.tables, track, song.settings, guests, parts, work, WRITE, BOUNDLESS)
        tables = report_all(tables, song.counters, work, track)
        row += number
    return at, tables


@inlined
def fill_durations(song: Any, splits: Any, division: int) -> None:
    """Ticks and seconds of the whole song, and the seconds of every split."""
    count = song.counters[N_TRACKS]
    seconds = np.zeros(count + 1)
    bits = seconds.view(np.int64)
    for track in range(count):
        row = song.tables.tracks[track]
        conductor = song.conductor
        if song.settings[G_FORMAT] == 2:
            conductor = conductor_of(
                song.data, song.tables.conductor, row[T_CONDUCTOR_FIRST], row[T_CONDUCTOR_LAST]
            )
        seconds[track] = seconds_at(conductor, division, row[T_TICKS])
        song.counters[N_TICKS] = max(song.counters[N_TICKS], row[T_TICKS])
        if not seconds[track] <= seconds[count]:
            seconds[count] = seconds[track]
    for row in range(splits.shape[0]):
        splits[row, O_SECONDS] = bits[splits[row, O_TRACK]]
    song.counters[N_SECONDS] = bits[count]


@inlined
def put_rows(facts: Any, at: int, table: Any, rows: int) -> int:
    """Append the first rows of a table; returns the position after them."""
    for row in range(rows):
        for column in range(table.shape[1]):
            facts[at] = table[row, column]
            at += 1
    return at


@inlined
def facts_of(song: Any, tables: Any, splits: Any, details: bool) -> Any:
    """The counters and the rows of several tables, one after the other."""
    counters = song.counters
    counters[N_SPLITS] = splits.shape[0]
    counters[N_EVENTS] = song.conductor.events.shape[0]
    size = N_COUNTERS + counters[N_SPLITS] * O_COLUMNS + counters[N_PROBLEMS] * P_COLUMNS
    if details:
        size += counters[N_TRACKS] * T_COLUMNS + counters[N_EVENTS] * E_COLUMNS
    facts = np.empty(size, np.int64)
    for at in range(N_COUNTERS):
        facts[at] = counters[at]
    at = put_rows(facts, ZERO + N_COUNTERS, splits, counters[N_SPLITS])
    at = put_rows(facts, at, tables.problems, counters[N_PROBLEMS])
    if details:
        at = put_rows(facts, at, tables.tracks, counters[N_TRACKS])
        put_rows(facts, at, song.conductor.events, counters[N_EVENTS])
    return facts


@entry_point("(Array(uint8, 1, 'C', readonly=True), int64, boolean, boolean, boolean, int64, int64)")
def split_kernel(
    data: Any, by: int, full: bool, walk_all: bool, details: bool, allowed: int, most_tracks: int
) -> Any:
    """Split a parent.

    Args:
        data: its bytes from ``MThd`` on, at least 14, with a division other than 0.
        by: a BY of ``layout``.
        full: whether the context is "full".
        walk_all: write every split event by event, none by ``deal``; the bytes are the same.
        details: whether to tell of every track and of the conductor.
        allowed: most bytes of all splits.
        most_tracks: most tracks, and most splits.

    Returns:
        The bytes of all splits, and int64 facts: the counters, then a row for each split, then a row for each
        problem; with ``details`` also a row for each track, and one for each conductor event of the song.
        With a status other than OK only the counters count.
    """
    counters = np.zeros(N_COUNTERS, np.int64)
    work = np.zeros(W_SIZE, np.int64)
    tables, at = first_chunk(data, new_tables(data.shape[0], full), counters)
    tables = read_chunks(data, at, most_tracks, full, tables, work, counters)
    tracks = counters[N_TRACKS]
    form = be16(data, ZERO + 8)
    settings = np.zeros(G_COUNT, np.int64)
    settings[G_BY] = resolve(by, tables, tracks)
    settings[G_MERGES] = form != 2 and tracks > 1
    settings[G_FULL] = full
    settings[G_WALK_ALL] = walk_all
    settings[G_FORMAT] = form
    song = Song(
        data,
        tables,
        counters,
        conductor_of(data, tables.conductor, ZERO, counters[N_CONDUCTOR] if form != 2 else ZERO),
        group_setup(tables.setup, counters[N_SETUP]),
        group_others(tables.others, counters[N_OTHERS]),
        settings,
    )
    choose(song)
    out = np.empty(0, np.uint8)
    splits = np.empty((0, O_COLUMNS), np.int64)
    if (
        counters[N_STATUS] == OK
        and least_output(tables.tracks, tracks, song.conductor.sizes, song.conductor.events, settings)
        > allowed
    ):
        counters[N_STATUS] = LIMIT_OUTPUT
    if counters[N_STATUS] == OK:
        splits, size, walked, guests, parts = plan(song, out, work, allowed, most_tracks)
        if counters[N_STATUS] == OK:
            out = np.empty(size, np.uint8)
            written, tables = write(song, out, splits, walked, guests, parts, work)
            out = out[:written]
    fill_durations(song, splits, be16(data, ZERO + 12))
    return out, facts_of(song, tables, splits, details)
