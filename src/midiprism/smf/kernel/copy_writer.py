"""A track with conductor events put in: spans between them are copied as they stand."""

from typing import Any

from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_fields import (
    E_LENGTH,
    E_POSITION,
    E_TICK,
    E_TRACK,
    M_POSITION,
    M_STATUS,
    M_TICK,
    OUTPUT_HEADER_SIZE,
    T_BODY,
    T_END,
    T_MARK_FIRST,
    T_MARK_LAST,
    T_STOP,
    T_TICKS,
)
from midiprism.smf.kernel.varlen import copy_bytes, read_vlq, write_be32, write_vlq


@inlined
def write_header(out: Any, at: int, division: int, size: int) -> int:
    """Write the header of a format 0 file and of its track of ``size`` bytes; returns the position after
    it."""
    at = write_be32(out, at, 0x4D546864)
    at = write_be32(out, at, 6)
    at = write_be32(out, at, 1)
    out[at] = division >> 8
    out[at + 1] = division & 0xFF
    at = write_be32(out, at + 2, 0x4D54726B)
    return write_be32(out, at, size)


@inlined
def write_end_of_track(out: Any, at: int, delta: int) -> int:
    """Write an end of track; returns the position after it."""
    at = write_vlq(out, at, delta)
    out[at] = 0xFF
    out[at + 1] = 0x2F
    out[at + 2] = 0
    return at + 3


@helper
def event_end(data: Any, at: int, stop: int, running_status: int) -> tuple[int, int]:
    """Position after the event whose delta time ends at ``at``, and the running status from there on."""
    status = data[at] & 0xFF
    if status >= 0xF0:
        length, body = read_vlq(data, at + (2 if status == 0xFF else 1), stop)
        return body + length, running_status
    if status < 0x80:
        status = running_status
    else:
        at += 1
    return at + (1 if status >> 4 in (0xC, 0xD) else 2), status


@helper
def copy_track(
    data: Any, out: Any, at: int, row: Any, checkpoints: Any, track: int, merged_events: Any, division: int
) -> int:
    """Write a whole split of a track that holds nothing to repair; returns the position after it.

    ``guests`` are rows of conductor events, ordered by tick and position, none after the end of track.
    """
    begin = at
    stop, end = row[T_STOP], row[T_END]
    at += OUTPUT_HEADER_SIZE
    if merged_events.shape[0] == 0:
        at = copy_bytes(out, at, data, row[T_BODY], stop)
        if end < 0:
            at = write_end_of_track(out, at, 0)
    else:
        at = copy_merging_events(data, out, at, row, checkpoints, track, merged_events)
    write_header(out, begin, division, at - begin - OUTPUT_HEADER_SIZE)
    return at


@helper
def copy_merging_events(
    data: Any, out: Any, at: int, row: Any, checkpoints: Any, track: int, merged_events: Any
) -> int:
    """Write the events of a track with the guests among them; returns the position after them."""
    stop, end = row[T_STOP], row[T_END]
    mark, last_mark = row[T_MARK_FIRST], row[T_MARK_LAST]
    copied = row[T_BODY]  # own events before it are written
    cursor = row[T_BODY]  # the own event that is looked at: its delta time,
    before = 0  # the tick of the one before it,
    running = 0  # and the running status there
    written = 0  # tick of the last event written since the last guest
    guest = 0
    while guest < merged_events.shape[0]:
        tick, lower = merged_events[guest, E_TICK], merged_events[guest, E_TRACK] < track
        while mark < last_mark and checkpoints[mark, M_TICK] < tick:
            if checkpoints[mark, M_POSITION] > cursor:
                cursor = checkpoints[mark, M_POSITION]
                before = checkpoints[mark, M_TICK]
                running = checkpoints[mark, M_STATUS]
            mark += 1
        # Own events that come before the guest.
        when = before
        message = cursor
        while cursor < stop:
            delta, message = read_vlq(data, cursor, stop)
            when = before + delta
            if cursor == end or when > tick or (when == tick and lower):
                break
            cursor, running = event_end(data, message, stop, running)
            before = when
        at = copy_bytes(out, at, data, copied, cursor)
        written = before
        # Every guest that stands before the own event at the cursor.
        while guest < merged_events.shape[0]:
            tick, lower = merged_events[guest, E_TICK], merged_events[guest, E_TRACK] < track
            if cursor < stop and cursor != end and not (when > tick or (when == tick and lower)):
                break
            at = write_vlq(out, at, tick - written)
            start = merged_events[guest, E_POSITION]
            at = copy_bytes(out, at, data, start, start + merged_events[guest, E_LENGTH])
            written = tick
            guest += 1
        if cursor >= stop:
            return write_end_of_track(out, at, row[T_TICKS] - written)
        at = write_vlq(out, at, when - written)
        if data[message] < 0x80:
            out[at] = running
            at += 1
        # The rest of that event is copied with those that follow it.
        copied = message
        cursor, running = event_end(data, message, stop, running)
        before = when
    at = copy_bytes(out, at, data, copied, stop)
    return at if end >= 0 else write_end_of_track(out, at, 0)
