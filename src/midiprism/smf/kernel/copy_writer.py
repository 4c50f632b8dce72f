"""Write a track with conductor events merged in: the spans between them are copied unchanged."""

from typing import Any

from midiprism.smf.kernel.file_writer import write_end_of_track, write_header
from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.row_types import OUTPUT_HEADER_SIZE
from midiprism.smf.kernel.stated_meta import comes_first
from midiprism.smf.kernel.varlen import copy_bytes, read_vlq, write_vlq


@borrowing_helper
def event_end(data: Any, at: int, stop: int, running_status: int) -> tuple[int, int]:
    """Return the position after the event whose delta time ends at ``at``, and the running status there."""
    status = data[at] & 0xFF
    if status >= 0xF0:
        length, body = read_vlq(data, at + (2 if status == 0xFF else 1), stop)
        return body + length, running_status
    if status < 0x80:
        status = running_status
    else:
        at += 1
    return at + (1 if status >> 4 in (0xC, 0xD) else 2), status


@borrowing_helper
def copy_track(
    data: Any, out: Any, at: int, source: Any, checkpoints: Any, track: int, merged_events: Any, division: int
) -> int:
    """Write a whole split of a track that holds nothing to repair; return the position after it.

    ``merged_events`` are conductor events, ordered by tick and position, none after the end of track.
    """
    begin = at
    at += OUTPUT_HEADER_SIZE
    if merged_events.shape[0] == 0:
        at = copy_bytes(out, at, data, source.body, source.stop)
        if source.end_of_track < 0:
            at = write_end_of_track(out, at, 0)
    else:
        at = copy_merging_events(data, out, at, source, checkpoints, track, merged_events)
    write_header(out, begin, division, at - begin - OUTPUT_HEADER_SIZE)
    return at


@inlined
def write_merged_event(data: Any, out: Any, at: int, event: Any, delta: int) -> int:
    """Write an event of another track; return the position after it."""
    at = write_vlq(out, at, delta)
    return copy_bytes(out, at, data, event.position, event.position + event.size)


@borrowing_helper
def copy_merging_events(
    data: Any, out: Any, at: int, source: Any, checkpoints: Any, track: int, merged_events: Any
) -> int:
    """Write the events of a track with the merged ones among them; return the position after them."""
    stop, end_of_track = source.stop, source.end_of_track
    checkpoint = source.checkpoint_start
    copied = source.body  # own events before it are written
    cursor = source.body  # position of the next own event's delta time,
    tick_before = 0  # the tick of the event before it,
    running = 0  # and the running status there
    merged = 0
    while merged < merged_events.shape[0]:
        event = merged_events[merged]
        while checkpoint < source.checkpoint_stop and checkpoints[checkpoint].tick < event.tick:
            if checkpoints[checkpoint].position > cursor:
                cursor = checkpoints[checkpoint].position
                tick_before = checkpoints[checkpoint].tick
                running = checkpoints[checkpoint].running_status
            checkpoint += 1
        # Pass the own events that come before the merged one.
        tick = tick_before
        message = cursor
        while cursor < stop:
            delta, message = read_vlq(data, cursor, stop)
            tick = tick_before + delta
            if cursor == end_of_track or comes_first(event, tick, track):
                break
            cursor, running = event_end(data, message, stop, running)
            tick_before = tick
        at = copy_bytes(out, at, data, copied, cursor)
        tick_written = tick_before
        # Write every merged event that comes before the own event at the cursor.
        while merged < merged_events.shape[0]:
            event = merged_events[merged]
            if cursor < stop and cursor != end_of_track and not comes_first(event, tick, track):
                break
            at = write_merged_event(data, out, at, event, event.tick - tick_written)
            tick_written = event.tick
            merged += 1
        if cursor >= stop:
            return write_end_of_track(out, at, source.ticks - tick_written)
        at = write_vlq(out, at, tick - tick_written)
        if data[message] < 0x80:
            out[at] = running
            at += 1
        # The rest of that event is copied with those that follow it.
        copied = message
        cursor, running = event_end(data, message, stop, running)
        tick_before = tick
    at = copy_bytes(out, at, data, copied, stop)
    return at if end_of_track >= 0 else write_end_of_track(out, at, 0)
