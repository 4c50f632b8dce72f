"""The kernel: a song's bytes in; its splits' bytes, and tables of facts and problems, out."""

from typing import Any

import numpy as np

from midiprism.smf import problems
from midiprism.smf.kernel.buffers import new_scan_tables, report_problem, report_track_problems
from midiprism.smf.kernel.channel_context import group_context_events, group_setup
from midiprism.smf.kernel.chunks import find_next_track, is_chunk_or_end, is_track_chunk, read_chunks
from midiprism.smf.kernel.conductor import build_conductor, conductor_events_to_merge, seconds_at
from midiprism.smf.kernel.copy_writer import copy_track, write_header
from midiprism.smf.kernel.event_writer import walk_track
from midiprism.smf.kernel.jit import entry_point, helper, inlined
from midiprism.smf.kernel.parts import rewind_parts
from midiprism.smf.kernel.plan import (
    ScannedSong,
    mark_copyable_tracks,
    min_output_size,
    plan_output,
    prepare_walk,
)
from midiprism.smf.kernel.row_fields import (
    A_AT,
    BY_AUTO,
    BY_CHANNEL,
    BY_TRACK,
    E_COLUMNS,
    F_COLUMNS,
    F_TOLD,
    G_BY,
    G_COUNT,
    G_FORMAT,
    G_FULL,
    G_MERGES,
    G_WALK_ALL,
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
    NO_LIMIT,
    O_COLUMNS,
    O_SECONDS,
    O_START,
    O_STATED,
    O_STOP,
    O_TRACK,
    OUTPUT_HEADER_SIZE,
    P_COLUMNS,
    PASS_WRITE,
    STATUS_OK,
    T_CHANNELS,
    T_COLUMNS,
    T_CONDUCTOR_FIRST,
    T_CONDUCTOR_LAST,
    T_NOTES,
    T_SPLICED,
    T_TICKS,
    W_SIZE,
    WHOLE_FILE,
    ZERO,
)
from midiprism.smf.kernel.stated_meta import record_merged_events
from midiprism.smf.kernel.varlen import read_be16, read_be32


@helper
def find_first_chunk(data: Any, tables: Any, counters: Any) -> Any:
    """The tables, and where the first chunk behind the header is."""
    length = read_be32(data, ZERO + 4)
    at = 8 + length
    if length == 6 or (length > 6 and at <= data.shape[0] and is_chunk_or_end(data, at)):
        return tables, at
    found = 14 if is_track_chunk(data, ZERO + 14) else find_next_track(data, ZERO + 14, data.shape[0])
    tables = report_problem(tables, counters, problems.HEADER_LENGTH, WHOLE_FILE, ZERO + 4, length)
    return tables, found if found >= 0 else max(14, min(at, data.shape[0]))


@inlined
def resolve_auto(by: int, tables: Any, tracks: int) -> int:
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
def store_stated_meta(output_track: Any, stated_row: Any) -> None:
    """Put what a split states into its row."""
    for column in range(F_TOLD):
        output_track[O_STATED + column] = stated_row[column]


@inlined
def write_output(
    song: Any,
    out: Any,
    output_tracks: Any,
    last_walked_track: int,
    merged_events: Any,
    parts: Any,
    track_state: Any,
) -> Any:
    """Write all splits that were planned; returns the bytes written, and the tables with what was found.

    ``guests`` and ``parts`` are at hand for the track ``walked``.
    """
    division = read_be16(song.data, ZERO + 12)
    tables = song.tables
    tracks, marks, conductor, events = (
        tables.tracks,
        tables.checkpoints,
        tables.conductor_events,
        song.conductor.events,
    )
    none = conductor[:0]
    facts = np.empty(F_COLUMNS, np.int64)
    at = ZERO
    row = ZERO
    while row < output_tracks.shape[0]:
        track = output_tracks[row, O_TRACK]
        if tracks[track, T_SPLICED]:
            output_tracks[row, O_START] = at
            here = none
            if song.kernel_options[G_MERGES]:
                here = conductor_events_to_merge(song.data, tracks[track], conductor, events, track)
            at = copy_track(song.data, out, at, tracks[track], marks, track, here, division)
            output_tracks[row, O_STOP] = at
            record_merged_events(facts, song.data, tracks[track], conductor, here, track)
            store_stated_meta(output_tracks[row], facts)
            row += 1
            continue
        if track != last_walked_track:
            merged_events, parts = prepare_walk(song, out, track, track_state)
            last_walked_track = track
        number = parts.rows.shape[0]
        record_merged_events(facts, song.data, tracks[track], conductor, merged_events, track)
        for part in range(number):
            store_stated_meta(output_tracks[row + part], facts)
            size = output_tracks[row + part, O_STOP]
            output_tracks[row + part, O_START] = at
            output_tracks[row + part, O_STOP] = at + size
            write_header(out, at, division, size - OUTPUT_HEADER_SIZE)
            at += size
        rewind_parts(parts)
        for part in range(number):
            parts.rows[part, A_AT] = output_tracks[row + part, O_START] + OUTPUT_HEADER_SIZE
        walk_track(
            song.data,
            out,
            song.tables,
            track,
            song.kernel_options,
            merged_events,
            parts,
            track_state,
            PASS_WRITE,
            NO_LIMIT,
        )
        tables = report_track_problems(tables, song.counters, track_state, track)
        row += number
    return at, tables


@inlined
def fill_durations(song: Any, output_tracks: Any, division: int) -> None:
    """Ticks and seconds of the whole song, and the seconds of every split."""
    count = song.counters[N_TRACKS]
    seconds = np.zeros(count + 1)
    bits = seconds.view(np.int64)
    for track in range(count):
        row = song.tables.tracks[track]
        conductor = song.conductor
        if song.kernel_options[G_FORMAT] == 2:
            conductor = build_conductor(
                song.data, song.tables.conductor_events, row[T_CONDUCTOR_FIRST], row[T_CONDUCTOR_LAST]
            )
        seconds[track] = seconds_at(conductor, division, row[T_TICKS])
        song.counters[N_TICKS] = max(song.counters[N_TICKS], row[T_TICKS])
        if not seconds[track] <= seconds[count]:
            seconds[count] = seconds[track]
    for row in range(output_tracks.shape[0]):
        output_tracks[row, O_SECONDS] = bits[output_tracks[row, O_TRACK]]
    song.counters[N_SECONDS] = bits[count]


@inlined
def append_rows(kernel_rows: Any, at: int, table: Any, rows: int) -> int:
    """Append the first rows of a table; returns the position after them."""
    for row in range(rows):
        for column in range(table.shape[1]):
            kernel_rows[at] = table[row, column]
            at += 1
    return at


@inlined
def pack_kernel_rows(song: Any, tables: Any, output_tracks: Any, details: bool) -> Any:
    """The counters and the rows of several tables, one after the other."""
    counters = song.counters
    counters[N_SPLITS] = output_tracks.shape[0]
    counters[N_EVENTS] = song.conductor.events.shape[0]
    size = N_COUNTERS + counters[N_SPLITS] * O_COLUMNS + counters[N_PROBLEMS] * P_COLUMNS
    if details:
        size += counters[N_TRACKS] * T_COLUMNS + counters[N_EVENTS] * E_COLUMNS
    facts = np.empty(size, np.int64)
    for at in range(N_COUNTERS):
        facts[at] = counters[at]
    at = append_rows(facts, ZERO + N_COUNTERS, output_tracks, counters[N_SPLITS])
    at = append_rows(facts, at, tables.problems, counters[N_PROBLEMS])
    if details:
        at = append_rows(facts, at, tables.tracks, counters[N_TRACKS])
        append_rows(facts, at, song.conductor.events, counters[N_EVENTS])
    return facts


@entry_point("(Array(uint8, 1, 'C', readonly=True), int64, boolean, boolean, boolean, int64, int64)")
def split_kernel(
    data: Any,
    by: int,
    full_context: bool,
    event_by_event: bool,
    details: bool,
    max_output_bytes: int,
    max_tracks: int,
) -> Any:
    """Split a song.

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
    tables, at = find_first_chunk(data, new_scan_tables(data.shape[0], full_context), counters)
    tables = read_chunks(data, at, max_tracks, full_context, tables, work, counters)
    tracks = counters[N_TRACKS]
    form = read_be16(data, ZERO + 8)
    settings = np.zeros(G_COUNT, np.int64)
    settings[G_BY] = resolve_auto(by, tables, tracks)
    settings[G_MERGES] = form != 2 and tracks > 1
    settings[G_FULL] = full_context
    settings[G_WALK_ALL] = event_by_event
    settings[G_FORMAT] = form
    song = ScannedSong(
        data,
        tables,
        counters,
        build_conductor(data, tables.conductor_events, ZERO, counters[N_CONDUCTOR] if form != 2 else ZERO),
        group_setup(tables.setup, counters[N_SETUP]),
        group_context_events(tables.context_events, counters[N_OTHERS]),
        settings,
    )
    mark_copyable_tracks(song)
    out = np.empty(0, np.uint8)
    splits = np.empty((0, O_COLUMNS), np.int64)
    if (
        counters[N_STATUS] == STATUS_OK
        and min_output_size(
            tables.tracks, tracks, song.conductor.cumulative_sizes, song.conductor.events, settings
        )
        > max_output_bytes
    ):
        counters[N_STATUS] = LIMIT_OUTPUT
    if counters[N_STATUS] == STATUS_OK:
        splits, size, walked, guests, parts = plan_output(song, out, work, max_output_bytes, max_tracks)
        if counters[N_STATUS] == STATUS_OK:
            out = np.empty(size, np.uint8)
            written, tables = write_output(song, out, splits, walked, guests, parts, work)
            out = out[:written]
    fill_durations(song, splits, read_be16(data, ZERO + 12))
    return out, pack_kernel_rows(song, tables, splits, details)
