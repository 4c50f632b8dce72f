"""The walk over a file's chunks: every MTrk scanned, and found again where lengths are wrong."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.jit import helper, inlined
from midiprism.smf.layout import (
    FILE,
    LIMIT_TRACKS,
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
    ZERO,
)
from midiprism.smf.octets import be32, read_vlq
from midiprism.smf.scan import scan
from midiprism.smf.tables import forget, found, grown, report, report_all, with_room

NOWHERE = -1

PATIENCE = 8
"""So many times the file's size may be scanned in vain before the next track is looked for first."""


@helper
def is_track(data: Any, at: int) -> bool:
    """Whether an MTrk chunk header stands at a position."""
    return (
        at + 8 <= data.shape[0]
        and data[at] == 0x4D
        and data[at + 1] == 0x54
        and data[at + 2] == 0x72
        and data[at + 3] == 0x6B
    )


@inlined
def is_named(data: Any, at: int) -> bool:
    """Whether four printable characters and a length that fits stand at a position: a chunk of some type."""
    if at + 8 > data.shape[0]:
        return False
    for step in range(4):
        if not 0x20 <= data[at + step] < 0x7F:
            return False
    return at + 8 + be32(data, at + 4) <= data.shape[0]


@helper
def is_chunk(data: Any, at: int) -> bool:
    """Whether a chunk, or nothing more, stands at a position."""
    return at == data.shape[0] or is_track(data, at) or is_named(data, at)


@helper
def next_track(data: Any, start: int, stop: int) -> int:
    """Position of the first plausible MTrk in ``data[start:stop]``: its first event has a status; or
    NOWHERE."""
    for at in range(start, stop - 7):
        if data[at] == 0x4D and is_track(data, at):
            if be32(data, at + 4) == 0 or at + 8 == data.shape[0]:
                return at
            _, status = read_vlq(data, at + 8, data.shape[0])
            if status > 0 and (status >= data.shape[0] or data[status] >= 0x80):
                return at
    return NOWHERE


@helper
def scan_track(
    data: Any,
    body: int,
    limit: int,
    track: int,
    full: bool,
    tables: Any,
    work: Any,
    counters: Any,
    saved: Any,
) -> Any:
    """Scan a track, perhaps not for the first time; returns the tables. ``saved`` are the counters before
    it."""
    while True:
        for at in range(N_COUNTERS):
            counters[at] = saved[at]
        forget(work)
        if scan(
            data,
            body,
            limit,
            track,
            full,
            tables.tracks[track],
            tables.marks,
            tables.conductor,
            tables.others,
            tables.setup,
            work,
            counters,
        ):
            return tables
        for key in range(W_ACTIVE, W_ACTIVE + 2048):
            work[key] = 0
        tables = grown(tables, saved)


@inlined
def after_end(data: Any, track: int, body: int, declared: int, tables: Any, work: Any) -> int:
    """Where the next chunk is, for a track whose end of track is not where its length says."""
    size = data.shape[0]
    stop = int(tables.tracks[track, T_STOP])
    if is_track(data, stop):
        found(work, problems.TRACK_LENGTH, body - 4)
        return stop
    resumes = NOWHERE
    if declared > size or not (is_chunk(data, declared) or size - declared < 8):
        resumes = next_track(data, stop, size)
    if resumes >= 0 and resumes < declared:
        found(work, problems.TRACK_LENGTH, body - 4)
        return resumes
    if declared > size:
        found(work, problems.TRACK_TRUNCATED, body - 4)
        work[W_COUNTS + problems.TRACK_TRUNCATED] = declared - size
        return size
    found(work, problems.BYTES_AFTER_END_OF_TRACK, stop)
    work[W_COUNTS + problems.BYTES_AFTER_END_OF_TRACK] = declared - stop
    return declared


@inlined
def without_end(
    data: Any,
    track: int,
    body: int,
    declared: int,
    full: bool,
    tables: Any,
    work: Any,
    counters: Any,
    saved: Any,
) -> Any:
    """The tables, and where the next chunk is, for a track without end of track up to its declared end."""
    size = data.shape[0]
    inside = next_track(data, body, min(declared, size))
    if inside >= 0:
        wasted = max(0, tables.tracks[track, T_STOP] - inside)
        tables = scan_track(data, body, inside, track, full, tables, work, counters, saved)
        counters[N_WASTED] += wasted
        found(work, problems.TRACK_LENGTH, body - 4)
        return tables, inside
    if declared > size:
        found(work, problems.TRACK_TRUNCATED, body - 4)
        work[W_COUNTS + problems.TRACK_TRUNCATED] = declared - size
        return tables, size
    if is_chunk(data, declared):
        return tables, declared
    following = next_track(data, declared, size)
    limit = size if following < 0 else following
    tables = scan_track(data, body, limit, track, full, tables, work, counters, saved)
    if tables.tracks[track, T_END] >= 0 or (following >= 0 and counters[N_CLEAN] == 1):
        found(work, problems.TRACK_LENGTH, body - 4)
        return tables, tables.tracks[track, T_STOP] if tables.tracks[track, T_END] >= 0 else following
    tables = scan_track(data, body, declared, track, full, tables, work, counters, saved)
    return tables, declared


@inlined
def read_track(
    data: Any, at: int, track: int, full: bool, tables: Any, work: Any, counters: Any, saved: Any
) -> Any:
    """The tables, with the track whose chunk begins at ``at``, and where the next chunk is."""
    body = at + 8
    declared = body + be32(data, at + 4)
    for number in range(N_COUNTERS):
        saved[number] = counters[number]
    limit = min(declared, data.shape[0])
    if counters[N_WASTED] > PATIENCE * data.shape[0]:
        # Made to be slow: every track of it would be scanned through all that follow.
        inside = next_track(data, body, limit)
        if inside >= 0:
            limit = inside
    tables = scan_track(data, body, limit, track, full, tables, work, counters, saved)
    following = declared
    if tables.tracks[track, T_END] < 0:
        tables, following = without_end(data, track, body, declared, full, tables, work, counters, saved)
    elif tables.tracks[track, T_STOP] != declared:
        following = after_end(data, track, body, declared, tables, work)
    if tables.tracks[track, T_END] < 0:
        found(work, problems.MISSING_END_OF_TRACK, tables.tracks[track, T_STOP])
    if work[W_FOUND] > 0:
        tables = report_all(tables, counters, work, track)
    return tables, following


@inlined
def read_chunks(
    data: Any, at: int, most_tracks: int, full: bool, tables: Any, work: Any, counters: Any
) -> Any:
    """Walk the chunks from ``at`` to the end of the file; returns the tables."""
    size = data.shape[0]
    saved = counters.copy()
    while at < size:
        if is_track(data, at):
            if counters[N_TRACKS] >= most_tracks:
                counters[N_STATUS] = LIMIT_TRACKS
                return tables
            track = counters[N_TRACKS]
            if track == tables.tracks.shape[0]:
                tables = with_room(tables, counters)
            tables, at = read_track(data, at, track, full, tables, work, counters, saved)
            counters[N_TRACKS] = track + 1
        elif is_named(data, at):
            tables = report(tables, counters, problems.UNKNOWN_CHUNK, FILE, at, ZERO + 1)
            at += 8 + be32(data, at + 4)
        else:
            following = next_track(data, at, size)
            if following < 0:
                return report(tables, counters, problems.TRAILING_BYTES, FILE, at, size - at)
            tables = report(tables, counters, problems.JUNK_BETWEEN_CHUNKS, FILE, at, following - at)
            at = following
    return tables
