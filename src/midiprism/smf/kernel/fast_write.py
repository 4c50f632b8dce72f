"""The tight loop of the general walk: notes, controllers and bends, dealt to the parts of their channels."""

from typing import Any

from midiprism.smf.kernel.buffers import count_note_by_program, track_drum_state
from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.row_fields import (
    A_AT,
    A_CHAIN,
    A_CHANNELS,
    A_DRUMS,
    A_HIGH,
    A_LOW,
    A_NOTES,
    A_ONSET,
    A_STATUS,
    A_TICK,
    MAX_DELTA,
    MAX_FAST_EVENT_SIZE,
    NO_LIMIT,
    PASS_WRITE,
)
from midiprism.smf.kernel.varlen import vlq_size, write_vlq

MAX_CHANNEL_EVENT_SIZE = 7
"""Most bytes that a channel event takes in a part: a delta time, a status, two data bytes."""


@inlined
def count_part_note(track_state: Any, rows: Any, part: int, channel: int, pitch: int, tick: int) -> None:
    """Count a note of a part among its facts."""
    if rows[part, A_NOTES] == 0:
        rows[part, A_ONSET] = tick
        rows[part, A_DRUMS] = track_drum_state(track_state, channel)
    rows[part, A_NOTES] += 1
    rows[part, A_LOW] = min(rows[part, A_LOW], pitch)
    rows[part, A_HIGH] = max(rows[part, A_HIGH], pitch)
    rows[part, A_CHANNELS] |= 1 << channel


@bounds_checked_by_hand
def write_channel_events(
    data: Any,
    out: Any,
    parts: Any,
    by_channel: bool,
    at: int,
    limit: int,
    tick: int,
    running_status: int,
    event_number: int,
    last_tick: int,
    track_state: Any,
    walk_pass: int,
) -> tuple[int, int, int, int, int]:
    """Put the plain channel events that come next into the parts of their channels, as ``write_event`` would.

    Those are all but program changes and bank selects. Stops before the first that is anything else, is due
    after ``horizon``, belongs to no part or needs a closer look, and a little before ``limit`` and before the
    end of ``out``. Not for parts by program. ``index`` is the number of the own event before.

    Returns:
        The position and tick that were reached, the running status, the number of the last own event, and the
        bytes that were put.
    """
    rows, begins = parts.rows, parts.channel_starts
    writing = walk_pass == PASS_WRITE
    room = out.shape[0] - MAX_CHANNEL_EVENT_SIZE if writing else NO_LIMIT
    total = 0
    while at + MAX_FAST_EVENT_SIZE <= limit:
        message = at + 1
        delta = data[unsigned_index(at)] & 0xFF
        if delta >= 0x80:
            delta = (delta & 0x7F) << 7 | data[unsigned_index(message)] & 0x7F
            if data[unsigned_index(message)] >= 0x80:
                break
            message += 1
        start = message
        status = data[unsigned_index(message)] & 0xFF
        if status < 0x80:
            status = running_status
        else:
            start += 1
        kind = status >> 4
        channel = status & 15
        first = data[unsigned_index(start)] & 0xFF
        second = data[unsigned_index(start + 1)] & 0xFF
        after = start + 2
        if kind == 0xD:
            after = start + 1
            second = 0
        part = begins[unsigned_index(channel)]
        when = tick + delta
        if (
            kind == 0xC
            or kind == 0xF
            or first | second >= 0x80
            or (kind == 0xB and first == 0)
            or when > last_tick
            or (by_channel and part == begins[unsigned_index(channel + 1)])
        ):
            break
        row = unsigned_index(part)
        gap = when - rows[row, A_TICK]
        cursor = rows[row, A_AT]
        if gap > MAX_DELTA or cursor > room:
            break
        width = message - at if rows[row, A_CHAIN] == event_number else vlq_size(gap)
        stated = 1 if start > message or rows[row, A_STATUS] != status else 0
        size = width + stated + after - start
        if writing:
            # What stands too far ahead is overwritten: fewer branches, which no processor could foresee.
            if width <= 2:
                out[unsigned_index(cursor)] = 0x80 | gap >> 7 & 0x7F
                out[unsigned_index(cursor + width - 1)] = gap & 0x7F
            else:
                write_vlq(out, cursor, gap)
            out[unsigned_index(cursor + width)] = status
            out[unsigned_index(cursor + width + stated)] = first
            if kind != 0xD:
                out[unsigned_index(cursor + size - 1)] = second
        elif kind == 9 and second > 0:
            count_note_by_program(track_state, channel, when)
            count_part_note(track_state, rows, row, channel, first, when)
        rows[row, A_AT] = cursor + size
        rows[row, A_TICK] = when
        rows[row, A_STATUS] = status
        event_number += 1
        rows[row, A_CHAIN] = event_number
        total += size
        at = after
        running_status = status
        tick = when
    return at, tick, running_status, event_number, total
