"""The walk over a file's chunks: scans every MTrk, and finds the next one where a length is wrong."""

from typing import Any, NamedTuple

from midiprism.smf import problems
from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.problem_counts import (
    clear_problem_counts,
    count_problem,
    report_problem,
    report_track_problems,
)
from midiprism.smf.kernel.row_types import LIMIT_EVENTS, LIMIT_SOURCE_TRACKS, WHOLE_FILE, ZERO
from midiprism.smf.kernel.scan import scan_events
from midiprism.smf.kernel.scan_tables import (
    FULL_TRACKS,
    has_too_many_events,
    list_full_tables,
    restore_row_counts,
    row_counts,
)
from midiprism.smf.kernel.track_state import clear_all_sounding_notes
from midiprism.smf.kernel.varlen import read_be32, read_vlq

NOT_FOUND = -1
TRACK_HEADER_SIZE = 8

MAX_WASTED_SCANS = 8
"""Limit of repeated scanning, in file sizes; beyond it, the next track is searched for before each scan."""


@borrowing_helper
def is_track_chunk(data: Any, at: int) -> bool:
    """Return whether an MTrk chunk header is at a position."""
    return (
        at + 8 <= data.shape[0]
        and data[at] == 0x4D
        and data[at + 1] == 0x54
        and data[at + 2] == 0x72
        and data[at + 3] == 0x6B
    )


@inlined
def is_well_formed_chunk(data: Any, at: int) -> bool:
    """Return whether a chunk of some type is at a position: four printable characters, a length that fits."""
    if at + 8 > data.shape[0]:
        return False
    for step in range(4):
        if not 0x20 <= data[at + step] < 0x7F:
            return False
    return at + 8 + read_be32(data, at + 4) <= data.shape[0]


@borrowing_helper
def is_chunk_or_end(data: Any, at: int) -> bool:
    """Return whether a chunk, or the end of the file, is at a position."""
    return at == data.shape[0] or is_track_chunk(data, at) or is_well_formed_chunk(data, at)


@borrowing_helper
def find_next_track(data: Any, start: int, stop: int) -> int:
    """Return the position of the first MTrk in ``data[start:stop]`` whose first event has a status.

    NOT_FOUND where there is none.
    """
    for at in range(start, stop - 7):
        if data[at] == 0x4D and is_track_chunk(data, at):
            if read_be32(data, at + 4) == 0 or at + 8 == data.shape[0]:
                return at
            _, status = read_vlq(data, at + 8, data.shape[0])
            if status > 0 and (status >= data.shape[0] or data[status] >= 0x80):
                return at
    return NOT_FOUND


class TrackChunk(NamedTuple):
    """An MTrk chunk: its track number, the position of its first event, and its end by its stated length."""

    track: Any
    body: Any
    declared_end: Any


@borrowing_helper
def scan_track(
    data: Any, chunk: Any, limit: int, full_context: bool, tables: Any, states: Any, counters: Any, used: Any
) -> bool:
    """Scan a track, perhaps not for the first time; return whether the scan is complete.

    If it is not, nothing that was found counts: ``counters.full_tables`` says which tables had no room, or
    ``counters.status`` that there are too many events. ``used`` are the row counts before any scan of the
    track.
    """
    restore_row_counts(counters, used)
    clear_problem_counts(states[0])
    has_room = scan_events(data, chunk.body, limit, chunk.track, full_context, tables, states, counters)
    if has_too_many_events(counters):
        counters.status = LIMIT_EVENTS
        counters.conductor_events = counters.context_events = counters.setup = 0
        return False
    if not has_room:
        counters.full_tables = list_full_tables(tables, counters)
        restore_row_counts(counters, used)
        clear_all_sounding_notes(states)
    return has_room


@inlined
def count_problem_of_bytes(state: Any, kind: int, offset: int, size: int) -> None:
    """Count a problem that concerns ``size`` bytes."""
    count_problem(state, kind, offset)
    state.problem_counts[kind] = size


@inlined
def recover_wrong_track_length(data: Any, chunk: Any, tables: Any, home: Any) -> int:
    """Return where the next chunk is, for a track whose end of track is not where its length says."""
    size = data.shape[0]
    declared_end = chunk.declared_end
    stop = int(tables.tracks[chunk.track].stop)
    if is_track_chunk(data, stop):
        count_problem(home, problems.TRACK_LENGTH, chunk.body - 4)
        return stop
    resumes = NOT_FOUND
    if declared_end > size or not (is_chunk_or_end(data, declared_end) or size - declared_end < 8):
        resumes = find_next_track(data, stop, size)
    if resumes >= 0 and resumes < declared_end:
        count_problem(home, problems.TRACK_LENGTH, chunk.body - 4)
        return resumes
    if declared_end > size:
        count_problem_of_bytes(home, problems.TRACK_TRUNCATED, chunk.body - 4, declared_end - size)
        return size
    count_problem_of_bytes(home, problems.BYTES_AFTER_END_OF_TRACK, stop, declared_end - stop)
    return declared_end


@inlined
def recover_missing_end_of_track(
    data: Any, chunk: Any, full_context: bool, tables: Any, states: Any, counters: Any, used: Any
) -> int:
    """Return where the next chunk is, for a track without end of track up to its declared end; NOT_FOUND
    where a scan is not complete."""
    size = data.shape[0]
    declared_end = chunk.declared_end
    # The length may also lead into the header of the next track.
    inside = find_next_track(data, chunk.body, min(declared_end + TRACK_HEADER_SIZE - 1, size))
    if inside >= 0:
        wasted = max(0, tables.tracks[chunk.track].stop - inside)
        if not scan_track(data, chunk, inside, full_context, tables, states, counters, used):
            return NOT_FOUND
        counters.wasted += wasted
        count_problem(states[0], problems.TRACK_LENGTH, chunk.body - 4)
        return inside
    if declared_end > size:
        count_problem_of_bytes(states[0], problems.TRACK_TRUNCATED, chunk.body - 4, declared_end - size)
        return size
    if is_chunk_or_end(data, declared_end):
        return declared_end
    following = find_next_track(data, declared_end, size)
    limit = size if following < 0 else following
    if not scan_track(data, chunk, limit, full_context, tables, states, counters, used):
        return NOT_FOUND
    has_end = tables.tracks[chunk.track].end_of_track >= 0
    if has_end or (following >= 0 and counters.stopped_cleanly == 1):
        count_problem(states[0], problems.TRACK_LENGTH, chunk.body - 4)
        return int(tables.tracks[chunk.track].stop) if has_end else following
    if not scan_track(data, chunk, declared_end, full_context, tables, states, counters, used):
        return NOT_FOUND
    return declared_end


@inlined
def read_track(
    data: Any, at: int, track: int, full_context: bool, tables: Any, states: Any, counters: Any
) -> int:
    """Scan the track whose chunk begins at ``at``; return where the next chunk is, or NOT_FOUND where a scan
    is not complete."""
    body = at + 8
    chunk = TrackChunk(track, body, body + read_be32(data, at + 4))
    used = row_counts(counters)
    limit = min(chunk.declared_end, data.shape[0])
    if counters.wasted > MAX_WASTED_SCANS * data.shape[0]:
        # A file may be made so that every track is scanned through all that follow.
        inside = find_next_track(data, body, limit)
        if inside >= 0:
            limit = inside
    if not scan_track(data, chunk, limit, full_context, tables, states, counters, used):
        return NOT_FOUND
    following = chunk.declared_end
    if tables.tracks[track].end_of_track < 0:
        following = recover_missing_end_of_track(data, chunk, full_context, tables, states, counters, used)
        if following < 0:
            return NOT_FOUND
    elif tables.tracks[track].stop != chunk.declared_end:
        following = recover_wrong_track_length(data, chunk, tables, states[0])
    if tables.tracks[track].end_of_track < 0:
        count_problem(states[0], problems.MISSING_END_OF_TRACK, tables.tracks[track].stop)
    if states[0].problem_total > 0:
        report_track_problems(tables.problems, counters, states[0], track)
    return following


@borrowing_helper
def read_chunks(
    data: Any, at: int, max_tracks: int, full_context: bool, tables: Any, states: Any, counters: Any
) -> int:
    """Walk the chunks from ``at`` to the end of the file; return the position that was reached.

    It is that of a track where ``counters.full_tables`` says that it needs more room, or ``counters.status``
    that a limit is exceeded.
    """
    size = data.shape[0]
    while at < size:
        if is_track_chunk(data, at):
            track = counters.tracks
            if track >= max_tracks:
                counters.status = LIMIT_SOURCE_TRACKS
                return at
            if track == tables.tracks.shape[0]:
                counters.full_tables = FULL_TRACKS
                return at
            following = read_track(data, at, track, full_context, tables, states, counters)
            if following < 0:
                return at
            at = following
            counters.tracks = track + 1
        elif is_well_formed_chunk(data, at):
            report_problem(tables.problems, counters, problems.UNKNOWN_CHUNK, WHOLE_FILE, at, ZERO + 1)
            at += 8 + read_be32(data, at + 4)
        else:
            following = find_next_track(data, at, size)
            if following < 0:
                report_problem(tables.problems, counters, problems.TRAILING_BYTES, WHOLE_FILE, at, size - at)
                return size
            report_problem(
                tables.problems, counters, problems.JUNK_BETWEEN_CHUNKS, WHOLE_FILE, at, following - at
            )
            at = following
    return at
