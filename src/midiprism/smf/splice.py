"""A track with conductor events put in: spans between them are copied as they stand."""

from typing import Any

from midiprism.smf.jit import helper, inlined
from midiprism.smf.layout import (
    E_LENGTH,
    E_POSITION,
    E_TICK,
    E_TRACK,
    HEADER,
    M_POSITION,
    M_STATUS,
    M_TICK,
    T_BODY,
    T_END,
    T_MARK_FIRST,
    T_MARK_LAST,
    T_STOP,
    T_TICKS,
)
from midiprism.smf.octets import put_be32, put_span, put_vlq, read_vlq


@inlined
def put_header(out: Any, at: int, division: int, size: int) -> int:
    """Write the header of a format 0 file and of its track of ``size`` bytes; returns the position after
    it."""
    at = put_be32(out, at, 0x4D546864)
    at = put_be32(out, at, 6)
    at = put_be32(out, at, 1)
    out[at] = division >> 8
    out[at + 1] = division & 0xFF
    at = put_be32(out, at + 2, 0x4D54726B)
    return put_be32(out, at, size)


@inlined
def put_end(out: Any, at: int, delta: int) -> int:
    """Write an end of track; returns the position after it."""
    at = put_vlq(out, at, delta)
    out[at] = 0xFF
    out[at + 1] = 0x2F
    out[at + 2] = 0
    return at + 3


@helper
def event_end(data: Any, at: int, stop: int, running: int) -> tuple[int, int]:
    """Position after the event whose delta time ends at ``at``, and the running status from there on."""
    status = data[at] & 0xFF
    if status >= 0xF0:
        length, body = read_vlq(data, at + (2 if status == 0xFF else 1), stop)
        return body + length, running
    if status < 0x80:
        status = running
    else:
        at += 1
    return at + (1 if status >> 4 in (0xC, 0xD) else 2), status


@helper
def splice(data: Any, out: Any, at: int, row: Any, marks: Any, track: int, guests: Any, division: int) -> int:
    """Write a whole split of a track that holds nothing to repair; returns the position after it.

    ``guests`` are rows of conductor events, ordered by tick and position, none after the end of track.
    """
    begin = at
    stop, end = row[T_STOP], row[T_END]
    at += HEADER
    if guests.shape[0] == 0:
        at = put_span(out, at, data, row[T_BODY], stop)
        if end < 0:
            at = put_end(out, at, 0)
    else:
        at = put_merged(data, out, at, row, marks, track, guests)
    put_header(out, begin, division, at - begin - HEADER)
    return at


@helper
def put_merged(data: Any, out: Any, at: int, row: Any, marks: Any, track: int, guests: Any) -> int:
    """Write the events of a track with the guests among them; returns the position after them."""
    stop, end = row[T_STOP], row[T_END]
    mark, last_mark = row[T_MARK_FIRST], row[T_MARK_LAST]
    copied = row[T_BODY]  # own events before it are written
    cursor = row[T_BODY]  # the own event that is looked at: its delta time,
    before = 0  # the tick of the one before it,
    running = 0  # and the running status there
    written = 0  # tick of the last event written since the last guest
    guest = 0
    while guest < guests.shape[0]:
        tick, lower = guests[guest, E_TICK], guests[guest, E_TRACK] < track
        while mark < last_mark and marks[mark, M_TICK] < tick:
            if marks[mark, M_POSITION] > cursor:
                cursor = marks[mark, M_POSITION]
                before = marks[mark, M_TICK]
                running = marks[mark, M_STATUS]
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
        at = put_span(out, at, data, copied, cursor)
        written = before
        # Every guest that stands before the own event at the cursor.
        while guest < guests.shape[0]:
            tick, lower = guests[guest, E_TICK], guests[guest, E_TRACK] < track
            if cursor < stop and cursor != end and not (when > tick or (when == tick and lower)):
                break
            at = put_vlq(out, at, tick - written)
            start = guests[guest, E_POSITION]
            at = put_span(out, at, data, start, start + guests[guest, E_LENGTH])
            written = tick
            guest += 1
        if cursor >= stop:
            return put_end(out, at, row[T_TICKS] - written)
        at = put_vlq(out, at, when - written)
        if data[message] < 0x80:
            out[at] = running
            at += 1
        # The rest of that event is copied with those that follow it.
        copied = message
        cursor, running = event_end(data, message, stop, running)
        before = when
    at = put_span(out, at, data, copied, stop)
    return at if end >= 0 else put_end(out, at, 0)
