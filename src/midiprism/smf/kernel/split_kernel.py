"""The kernel: a song's bytes in; its splits' bytes, and tables of facts and problems, out."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.native.types import BOOLEAN, INT64
from midiprism.smf import problems
from midiprism.smf.kernel.channel_context import group_context_events, group_setup
from midiprism.smf.kernel.chunks import find_next_track, is_chunk_or_end, is_track_chunk, read_chunks
from midiprism.smf.kernel.conductor import (
    build_conductor,
    find_events_to_merge,
    list_tempo_changes,
    seconds_at,
)
from midiprism.smf.kernel.copy_writer import copy_track
from midiprism.smf.kernel.division import divide_drums, keep_tracks, set_divisions
from midiprism.smf.kernel.event_writer import walk_track
from midiprism.smf.kernel.file_writer import write_header
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point, helper, inlined
from midiprism.smf.kernel.note_hash import onset_scale
from midiprism.smf.kernel.one_instrument import keep_one_instrument
from midiprism.smf.kernel.parts import rewind_parts
from midiprism.smf.kernel.plan import mark_copied_tracks, min_output_size, plan_output, prepare_walk
from midiprism.smf.kernel.ports import index_ports, new_ports, new_states
from midiprism.smf.kernel.problem_counts import report_problem, report_track_problems
from midiprism.smf.kernel.row_types import (
    BY_DRUM,
    COUNTERS,
    EVENT,
    LIMIT_OUTPUT,
    NO_LIMIT,
    OUTPUT_HEADER_SIZE,
    OUTPUT_TRACK,
    PASS_WRITE,
    STATED_META,
    STATUS_OK,
    WHOLE_FILE,
    ZERO,
)
from midiprism.smf.kernel.scan_tables import new_scan_tables, with_room
from midiprism.smf.kernel.scanned_song import ScannedSong, SplitOptions
from midiprism.smf.kernel.stated_meta import record_merged_events
from midiprism.smf.kernel.varlen import read_be16, read_be32


@helper
def keep_alive(table: Any) -> int:
    """Use a table, so that the rows taken from it are valid until here."""
    return int(table.shape[0])


class KernelOutput(NamedTuple):
    """The kernel's answer for a song. With a status other than STATUS_OK nothing else is valid.

    ``out`` holds the bytes of all splits. ``problems`` and ``texts`` are None where there are none, and the
    last three are None without ``details``: every MTrk, the conductor events that hold for the song, its
    tempo changes. ``channels`` has a bit for each channel that plays.
    ``duration_seconds`` is NaN where the division has no time.
    """

    # Plain numbers and None cost a tenth of an array on the way to Python.
    status: Any
    out: Any
    output_tracks: Any
    num_tracks: Any
    duration_ticks: Any
    duration_seconds: Any
    channels: Any
    repaired_problems: Any
    unlisted_problems: Any
    problems: Any
    texts: Any
    source_tracks: Any
    conductor_events: Any
    tempo_changes: Any


@borrowing_helper
def find_first_chunk(data: Any, tables: Any, counters: Any) -> int:
    """Return where the first chunk after the header is."""
    length = read_be32(data, ZERO + 4)
    at = 8 + length
    if length == 6 or (length > 6 and at <= data.shape[0] and is_chunk_or_end(data, at)):
        return at
    first = 14 if is_track_chunk(data, ZERO + 14) else find_next_track(data, ZERO + 14, data.shape[0])
    report_problem(tables.problems, counters, problems.HEADER_LENGTH, WHOLE_FILE, ZERO + 4, length)
    return first if first >= 0 else max(14, min(at, data.shape[0]))


@inlined
def store_stated_meta(output: Any, stated: Any) -> None:
    """Store what a split states in its row."""
    output.tempo_count = stated.tempo_count
    output.tempo = stated.tempo
    output.meter = stated.meter
    output.key = stated.key


@borrowing_helper
def write_copied_track(song: Any, out: Any, at: int, output: Any, stated: Any, merged: Any) -> int:
    """Write a split that is copied; return the position after it.

    ``merged`` has room for all conductor events of the song.
    """
    track = output.track
    source = song.tables.tracks[track]
    conductor_events = song.tables.conductor_events
    count = 0
    if song.options.merges:
        events = song.conductor.events
        count = find_events_to_merge(song.data, source, conductor_events, events, track, merged)
    merged_events = merged[:count]
    division = read_be16(song.data, ZERO + 12)
    output.start = at
    at = copy_track(song.data, out, at, source, song.tables.checkpoints, track, merged_events, division)
    output.stop = at
    record_merged_events(stated, song.data, source, conductor_events, merged_events, track)
    store_stated_meta(output, stated)
    return int(at)


@helper
def write_parts(
    song: Any, out: Any, at: int, outputs: Any, stated: Any, merged_events: Any, parts: Any, states: Any
) -> int:
    """Write the parts of a track that is walked; return the position after them."""
    track = outputs[0].track
    record_merged_events(
        stated, song.data, song.tables.tracks[track], song.tables.conductor_events, merged_events, track
    )
    rewind_parts(parts)
    division = read_be16(song.data, ZERO + 12)
    for row in range(outputs.shape[0]):
        output = outputs[row]
        store_stated_meta(output, stated)
        size = output.stop
        output.start = at
        output.stop = at + size
        write_header(out, at, division, size - OUTPUT_HEADER_SIZE)
        parts.rows[row].position = at + OUTPUT_HEADER_SIZE
        at += size
    walk_track(song, out, track, merged_events, parts, states, PASS_WRITE, NO_LIMIT)
    return at


@borrowing_helper
def write_copied_tracks(
    song: Any, out: Any, at: int, outputs: Any, row: int, stated: Any, merged: Any
) -> tuple[int, int]:
    """Write the splits from ``row`` on up to the first that is not copied.

    Returns the position after them, and the row reached.
    """
    tracks = song.tables.tracks
    while row < outputs.shape[0] and tracks[outputs[row].track].is_copied:
        at = write_copied_track(song, out, at, outputs[row], stated, merged)
        row += 1
    return at, row


@inlined
def write_output(song: Any, out: Any, plan: Any, states: Any) -> int:
    """Write all splits that were planned; return how many bytes."""
    outputs = plan.tracks
    merged_events, parts, prepared_track = plan.merged_events, plan.parts, plan.walked_track
    stated_table = np.empty(1, STATED_META)
    merged = np.empty(song.conductor.events.shape[0], EVENT)
    at, row = write_copied_tracks(song, out, ZERO, outputs, ZERO, stated_table[0], merged)
    while row < outputs.shape[0]:
        track = outputs[row].track
        if track != prepared_track:
            merged_events, parts = prepare_walk(song, out, track, states)
            prepared_track = track
        last = row + parts.rows.shape[0]
        at = write_parts(song, out, at, outputs[row:last], stated_table[0], merged_events, parts, states)
        report_track_problems(song.tables.problems, song.counters, states[0], track)
        at, row = write_copied_tracks(song, out, at, outputs, last, stated_table[0], merged)
    return int(at)


@borrowing_helper
def fill_durations(song: Any, conductor: Any, first: int, last: int, outputs: Any, row: int) -> int:
    """Fill the seconds of tracks ``first`` to ``last`` and of their splits, which begin at ``row``.

    Also fills the channels, ticks and seconds of the whole song. Returns the row after these splits.
    """
    division = read_be16(song.data, ZERO + 12)
    counters, tracks = song.counters, song.tables.tracks
    for track in range(first, last):
        source = tracks[track]
        source.seconds = seconds_at(conductor, division, source.ticks)
        counters.ticks = max(counters.ticks, source.ticks)
        counters.channels |= source.channels
        if not source.seconds <= counters.seconds:  # also where it is NaN
            counters.seconds = source.seconds
        while row < outputs.shape[0] and outputs[row].track == track:
            output = outputs[row]
            output.seconds = source.seconds
            output.last_note_seconds = seconds_at(conductor, division, output.last_note_tick)
            row += 1
    return row


@inlined
def fill_durations_of_format_2(song: Any, outputs: Any) -> None:
    """Fill the same of all tracks, each of which has a conductor of its own."""
    row = ZERO
    for track in range(song.counters.tracks):
        source = song.tables.tracks[track]
        conductor = build_conductor(
            song.data, song.tables.conductor_events, source.conductor_start, source.conductor_stop
        )
        row = fill_durations(song, conductor, track, track + 1, outputs, row)


@helper
def read_song(
    data: Any,
    full_context: bool,
    max_tracks: int,
    max_events: int,
    ports: Any,
    stated_ports: int,
    port_count: int,
) -> Any:
    """Return the state of a walk, the tables and the table of counters of a song, after its scan.

    ``ports`` is the table of ports with ``stated_ports`` rows, and ``port_count`` how many are distinguished.
    """
    counter_table = np.zeros(1, COUNTERS)
    counters = counter_table[0]
    counters.max_events = max_events
    counters.ports = stated_ports
    states = new_states(port_count, onset_scale(read_be16(data, ZERO + 12)))
    tables = new_scan_tables(data.shape[0], full_context, max_events, ports, port_count)
    at = find_first_chunk(data, tables, counters)
    at = read_chunks(data, at, max_tracks, full_context, tables, states, counters)
    while counters.full_tables > 0:
        tables = with_room(tables, counters, port_count)
        at = read_chunks(data, at, max_tracks, full_context, tables, states, counters)
    return states, tables, counter_table


@entry_point(
    (
        array_of(np.uint8, readonly=True),
        INT64,
        BOOLEAN,
        BOOLEAN,
        BOOLEAN,
        INT64,
        INT64,
        INT64,
        array_of(np.int64),
    ),
    KernelOutput._make,
)
def split_kernel(
    data: Any,
    by: int,
    full_context: bool,
    event_by_event: bool,
    details: bool,
    max_output_bytes: int,
    max_tracks: int,
    max_events: int,
    kept_tracks: Any,
) -> Any:
    """Split a song.

    Args:
        data: its bytes from ``MThd`` on, at least 14, with a division other than 0.
        by: a BY constant of ``row_types``.
        full_context: whether the context is "full".
        event_by_event: write every split event by event, without the fast paths; the bytes are the same.
        details: whether to return every track, the conductor events and the tempo changes.
        max_output_bytes: most bytes of all splits.
        max_tracks: most tracks, and most splits.
        max_events: most events of each kind for which a table is made.
        kept_tracks: numbers of tracks that become splits even if they play nothing.

    Returns:
        A KernelOutput.
    """
    ports = new_ports()
    states, tables, counter_table = read_song(
        data, full_context, max_tracks, max_events, ports, ZERO + 1, ZERO + 1
    )
    stated_ports = counter_table[0].ports
    port_count = index_ports(ports, stated_ports)
    if port_count > 1 and counter_table[0].status == STATUS_OK:
        states, tables, counter_table = read_song(
            data, full_context, max_tracks, max_events, ports, stated_ports, port_count
        )
    counters = counter_table[0]
    midi_format = read_be16(data, ZERO + 8)
    merges = midi_format != 2 and counters.tracks > 1
    divides_drums = by == BY_DRUM
    by, keeps_zones = keep_one_instrument(tables, counters, by, states.shape[0])
    set_divisions(tables.tracks, counters.tracks, by)
    keep_tracks(tables.tracks, counters.tracks, kept_tracks)
    song = ScannedSong(
        data,
        tables,
        counters,
        build_conductor(
            data, tables.conductor_events, ZERO, counters.conductor_events if midi_format != 2 else ZERO
        ),
        group_setup(tables.setup, counters.setup, states.shape[0]),
        group_context_events(tables.context_events, counters.context_events, states.shape[0]),
        SplitOptions(by, keeps_zones, merges, full_context, event_by_event, midi_format),
    )
    out = np.empty(0, np.uint8)
    if divides_drums:
        divide_drums(song, out, states)
    mark_copied_tracks(song, states.shape[0])
    outputs = np.empty(0, OUTPUT_TRACK)
    if counters.status == STATUS_OK and min_output_size(song, states.shape[0]) > max_output_bytes:
        counters.status = LIMIT_OUTPUT
    if counters.status == STATUS_OK:
        plan = plan_output(song, out, states, max_output_bytes, max_tracks)
        outputs = plan.tracks
        if counters.status == STATUS_OK:
            out = np.empty(plan.size, np.uint8)
            out = out[: write_output(song, out, plan, states)]
    if midi_format == 2:
        fill_durations_of_format_2(song, outputs)
    else:
        fill_durations(song, song.conductor, ZERO, counters.tracks, outputs, ZERO)
    problem_rows = texts = source_tracks = conductor_events = tempo_changes = None
    if counters.problems > 0:
        problem_rows = tables.problems[: counters.problems]
    if counters.texts > 0:
        texts = tables.texts[: counters.texts]
    if details:
        source_tracks = tables.tracks[: counters.tracks]
        conductor_events = song.conductor.events
        tempo_changes = list_tempo_changes(song.conductor, read_be16(data, ZERO + 12))
    answer = KernelOutput(
        int(counters.status),
        out,
        outputs,
        int(counters.tracks),
        int(counters.ticks),
        float(counters.seconds),
        int(counters.channels),
        int(counters.repaired),
        int(counters.unlisted),
        problem_rows,
        texts,
        source_tracks,
        conductor_events,
        tempo_changes,
    )
    keep_alive(counter_table)
    keep_alive(states)
    return answer


def is_compiled() -> bool:
    """Return whether splitting can start at once: its kernel is compiled, or (most likely) in the cache."""
    return split_kernel.is_compiled()


def prepare() -> None:
    """Compile the kernel of splitting, or load its compiled form."""
    split_kernel.prepare()
