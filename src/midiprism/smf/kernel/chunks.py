"""The walk over a file's chunks: every MTrk scanned, and found again where lengths are wrong."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.buffers import (
    clear_problem_counts,
    count_problem,
    ensure_track_capacity,
    grow_scan_tables,
    report_problem,
    report_track_problems,
)
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_fields import (
    LIMIT_SOURCE_TRACKS,
    N_CLEAN,
    N_COUNTERS,
    N_STATUS,
    N_TRACKS,
    N_WASTED,
    T_END,
    T_STOP,
    W_ACTIVE,
    W_COUNTS,
    W_FOUND,
    WHOLE_FILE,
    ZERO,
)
from midiprism.smf.kernel.scan import scan_events
from midiprism.smf.kernel.varlen import read_be32, read_vlq

NOT_FOUND = -1

MAX_WASTED_SCANS = 8
"""So many times the file's size may be scanned in vain before the next track is looked for first."""


@helper
def is_track_chunk(data: Any, at: int) -> bool:
    """Whether an MTrk chunk header stands at a position."""
    return (
        at + 8 <= data.shape[0]
        and data[at] == 0x4D
        and data[at + 1] == 0x54
        and data[at + 2] == 0x72
        and data[at + 3] == 0x6B
    )


@inlined
def is_well_formed_chunk(data: Any, at: int) -> bool:
    """Whether four printable characters and a length that fits stand at a position: a chunk of some type."""
    if at + 8 > data.shape[0]:
        return False
    for step in range(4):
        if not 0x20 <= data[at + step] < 0x7F:
            return False
    return at + 8 + read_be32(data, at + 4) <= data.shape[0]


@helper
def is_chunk_or_end(data: Any, at: int) -> bool:
    """Whether a chunk, or nothing more, stands at a position."""
    return at == data.shape[0] or is_track_chunk(data, at) or is_well_formed_chunk(data, at)


@helper
def find_next_track(data: Any, start: int, stop: int) -> int:
    """Position of the first plausible MTrk in ``data[start:stop]``: its first event has a status; or
    NOWHERE."""
    for at in range(start, stop - 7):
        if data[at] == 0x4D and is_track_chunk(data, at):
            if read_be32(data, at + 4) == 0 or at + 8 == data.shape[0]:
                return at
            _, status = read_vlq(data, at + 8, data.shape[0])
            if status > 0 and (status >= data.shape[0] or data[status] >= 0x80):
                return at
    return NOT_FOUND


@helper
def scan_track(
    data: Any,
    body: int,
    limit: int,
    track: int,
    full_context: bool,
    tables: Any,
    track_state: Any,
    counters: Any,
    saved_counters: Any,
) -> Any:
    """Scan a track, perhaps not for the first time; returns the tables. ``saved`` are the counters before
    it."""
    while True:
        for at in range(N_COUNTERS):
            counters[at] = saved_counters[at]
        clear_problem_counts(track_state)
        if scan_events(
            data,
            body,
            limit,
            track,
            full_context,
            tables.tracks[track],
            tables.checkpoints,
            tables.conductor_events,
            tables.context_events,
            tables.setup,
            track_state,
            counters,
        ):
            return tables
        for key in range(W_ACTIVE, W_ACTIVE + 2048):
            track_state[key] = 0
        tables = grow_scan_tables(tables, saved_counters)


@inlined
def recover_wrong_track_length(
    data: Any, track: int, body: int, declared: int, tables: Any, track_state: Any
) -> int:
    """Where the next chunk is, for a track whose end of track is not where its length says."""
    size = data.shape[0]
    stop = int(tables.tracks[track, T_STOP])
    if is_track_chunk(data, stop):
        count_problem(track_state, problems.TRACK_LENGTH, body - 4)
        return stop
    resumes = NOT_FOUND
    if declared > size or not (is_chunk_or_end(data, declared) or size - declared < 8):
        resumes = find_next_track(data, stop, size)
    if resumes >= 0 and resumes < declared:
        count_problem(track_state, problems.TRACK_LENGTH, body - 4)
        return resumes
    if declared > size:
        count_problem(track_state, problems.TRACK_TRUNCATED, body - 4)
        track_state[W_COUNTS + problems.TRACK_TRUNCATED] = declared - size
        return size
    count_problem(track_state, problems.BYTES_AFTER_END_OF_TRACK, stop)
    track_state[W_COUNTS + problems.BYTES_AFTER_END_OF_TRACK] = declared - stop
    return declared


@inlined
def recover_missing_end_of_track(
    data: Any,
    track: int,
    body: int,
    declared: int,
    full_context: bool,
    tables: Any,
    track_state: Any,
    counters: Any,
    saved_counters: Any,
) -> Any:
    """The tables, and where the next chunk is, for a track without end of track up to its declared end."""
    size = data.shape[0]
    inside = find_next_track(data, body, min(declared, size))
    if inside >= 0:
        wasted = max(0, tables.tracks[track, T_STOP] - inside)
        tables = scan_track(
            data, body, inside, track, full_context, tables, track_state, counters, saved_counters
        )
        counters[N_WASTED] += wasted
        count_problem(track_state, problems.TRACK_LENGTH, body - 4)
        return tables, inside
    if declared > size:
        count_problem(track_state, problems.TRACK_TRUNCATED, body - 4)
        track_state[W_COUNTS + problems.TRACK_TRUNCATED] = declared - size
        return tables, size
    if is_chunk_or_end(data, declared):
        return tables, declared
    following = find_next_track(data, declared, size)
    limit = size if following < 0 else following
    tables = scan_track(data, body, limit, track, full_context, tables, track_state, counters, saved_counters)
    if tables.tracks[track, T_END] >= 0 or (following >= 0 and counters[N_CLEAN] == 1):
        count_problem(track_state, problems.TRACK_LENGTH, body - 4)
        return tables, tables.tracks[track, T_STOP] if tables.tracks[track, T_END] >= 0 else following
    tables = scan_track(
        data, body, declared, track, full_context, tables, track_state, counters, saved_counters
    )
    return tables, declared


@inlined
def read_track(
    data: Any,
    at: int,
    track: int,
    full_context: bool,
    tables: Any,
    track_state: Any,
    counters: Any,
    saved_counters: Any,
) -> Any:
    """The tables, with the track whose chunk begins at ``at``, and where the next chunk is."""
    body = at + 8
    declared = body + read_be32(data, at + 4)
    for number in range(N_COUNTERS):
        saved_counters[number] = counters[number]
    limit = min(declared, data.shape[0])
    if counters[N_WASTED] > MAX_WASTED_SCANS * data.shape[0]:
        # Made to be slow: every track of it would be scanned through all that follow.
        inside = find_next_track(data, body, limit)
        if inside >= 0:
            limit = inside
    tables = scan_track(data, body, limit, track, full_context, tables, track_state, counters, saved_counters)
    following = declared
    if tables.tracks[track, T_END] < 0:
        tables, following = recover_missing_end_of_track(
            data, track, body, declared, full_context, tables, track_state, counters, saved_counters
        )
    elif tables.tracks[track, T_STOP] != declared:
        following = recover_wrong_track_length(data, track, body, declared, tables, track_state)
    if tables.tracks[track, T_END] < 0:
        count_problem(track_state, problems.MISSING_END_OF_TRACK, tables.tracks[track, T_STOP])
    if track_state[W_FOUND] > 0:
        tables = report_track_problems(tables, counters, track_state, track)
    return tables, following


@inlined
def read_chunks(
    data: Any, at: int, max_tracks: int, full_context: bool, tables: Any, track_state: Any, counters: Any
) -> Any:
    """Walk the chunks from ``at`` to the end of the file; returns the tables."""
    size = data.shape[0]
    saved = counters.copy()
    while at < size:
        if is_track_chunk(data, at):
            if counters[N_TRACKS] >= max_tracks:
                counters[N_STATUS] = LIMIT_SOURCE_TRACKS
                return tables
            track = counters[N_TRACKS]
            if track == tables.tracks.shape[0]:
                tables = ensure_track_capacity(tables, counters)
            tables, at = read_track(data, at, track, full_context, tables, track_state, counters, saved)
            counters[N_TRACKS] = track + 1
        elif is_well_formed_chunk(data, at):
            tables = report_problem(tables, counters, problems.UNKNOWN_CHUNK, WHOLE_FILE, at, ZERO + 1)
            at += 8 + read_be32(data, at + 4)
        else:
            following = find_next_track(data, at, size)
            if following < 0:
                return report_problem(tables, counters, problems.TRAILING_BYTES, WHOLE_FILE, at, size - at)
            tables = report_problem(
                tables, counters, problems.JUNK_BETWEEN_CHUNKS, WHOLE_FILE, at, following - at
            )
            at = following
    return tables
