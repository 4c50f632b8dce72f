"""The tight loop of the general walk: writes notes, controllers and bends to the parts of their channels."""

from typing import Any

from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.note_hash import add_note
from midiprism.smf.kernel.row_types import MAX_DELTA, MAX_FAST_EVENT_SIZE, NO_LIMIT, PASS_WRITE
from midiprism.smf.kernel.sounds import IS_SETUP_CONTROLLER
from midiprism.smf.kernel.track_state import count_note_by_program, track_drum_state
from midiprism.smf.kernel.varlen import vlq_size, write_vlq

MAX_CHANNEL_EVENT_SIZE = 7
"""Most bytes that a channel event takes in a part: a delta time, a status, two data bytes."""


@inlined
def count_part_note(state: Any, part: Any, channel: int, pitch: int, tick: int) -> None:
    """Count a note of a part among its facts."""
    if part.note_count == 0:
        part.onset = tick
        part.drums = track_drum_state(state, channel)
    part.note_count += 1
    part.lowest_pitch = min(part.lowest_pitch, pitch)
    part.highest_pitch = max(part.highest_pitch, pitch)
    part.note_hash = add_note(part.note_hash, state.onset_scale, tick, pitch)


@bounds_checked_by_hand
def write_channel_events(
    data: Any,
    out: Any,
    parts: Any,
    at: int,
    limit: int,
    tick: int,
    running_status: int,
    event_number: int,
    last_tick: int,
    state: Any,
    walk_pass: int,
) -> tuple[int, int, int, int, int]:
    """Write the plain channel events that come next to the parts of their channels, as ``write_event`` does.

    Those are all but those that select sounds. Stops before the first other event, before one that is
    damaged, comes after ``last_tick`` or does not belong to one part, and a little before ``limit`` and
    before the end of ``out``. Not for parts by program. ``event_number`` is that of the own event before.
    Where nothing is written, the bytes and notes are counted.

    Returns:
        The position and tick reached, the running status, the number of the last own event, and the bytes
        that the events take.
    """
    rows, fast_rows = parts.rows, parts.fast_rows
    first_address = state.port * 16
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
        row = fast_rows[unsigned_index(first_address + channel)]
        event_tick = tick + delta
        if (
            kind == 0xC
            or kind == 0xF
            or first | second >= 0x80
            or (kind == 0xB and IS_SETUP_CONTROLLER[unsigned_index(first)])
            or event_tick > last_tick
            or row < 0
        ):
            break
        part = rows[unsigned_index(row)]
        gap = event_tick - part.tick
        cursor = part.position
        if gap > MAX_DELTA or cursor > room:
            break
        width = message - at if part.last_event == event_number else vlq_size(gap)
        status_size = 1 if start > message or part.running_status != status else 0
        size = width + status_size + after - start
        if writing:
            # A byte written too far ahead is overwritten next: fewer branches that no processor can predict.
            if width <= 2:
                out[unsigned_index(cursor)] = 0x80 | gap >> 7 & 0x7F
                out[unsigned_index(cursor + width - 1)] = gap & 0x7F
            else:
                write_vlq(out, cursor, gap)
            out[unsigned_index(cursor + width)] = status
            out[unsigned_index(cursor + width + status_size)] = first
            if kind != 0xD:
                out[unsigned_index(cursor + size - 1)] = second
        elif kind == 9 and second > 0:
            count_note_by_program(state, channel, event_tick)
            count_part_note(state, part, channel, first, event_tick)
        part.position = cursor + size
        part.tick = event_tick
        part.running_status = status
        event_number += 1
        part.last_event = event_number
        total += size
        at = after
        running_status = status
        tick = event_tick
    return at, tick, running_status, event_number, total
