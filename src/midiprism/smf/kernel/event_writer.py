"""The walk that writes event by event: a track divided into parts, repaired, or with any events merged in.

It takes up to three passes: ``PASS_ASSIGN`` (by program or drum piece) finds the parts, ``PASS_MEASURE``
their sizes and facts, ``PASS_WRITE`` writes them.
"""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf import problems
from midiprism.smf.kernel.fast_write import count_part_note, write_channel_events
from midiprism.smf.kernel.file_writer import write_end_of_track
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.messages import GS_RESET, parse_part_mode, system_message_size
from midiprism.smf.kernel.parts import (
    NO_PART,
    new_sounding_notes,
    pop_note,
    push_note,
    record_part_program,
)
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import (
    BY_DRUM,
    BY_PROGRAM,
    BY_TRACK,
    CHAIN_BROKEN,
    MAX_DELTA,
    NO_LIMIT,
    PASS_ASSIGN,
    PASS_MEASURE,
    PASS_WRITE,
    PITCHES,
    PROGRAM_SLOTS,
    ZERO,
)
from midiprism.smf.kernel.stated_meta import comes_first
from midiprism.smf.kernel.track_state import count_note_by_program, reset_track_state
from midiprism.smf.kernel.varlen import copy_bytes, read_vlq, vlq_size, write_vlq

BRIDGE_SIZE = 7
"""Bytes of the longest delta time and an empty text event."""


class TrackEvent(NamedTuple):
    """An event to be written: its tick, its status, and the span of its bytes after a channel's status.

    An own event has a number, and its delta time is ``data[delta_start:message]``; ``delta_start`` is -1
    where it cannot be copied. A merged event has the number CHAIN_BROKEN and always states its status.
    """

    tick: Any
    status: Any
    start: Any
    stop: Any
    delta_start: Any
    message: Any
    number: Any


@inlined
def decode_event(data: Any, at: int, stop: int, running_status: int) -> tuple[int, int, int, int, int, bool]:
    """Return the next event of a scanned track, and skip the system messages before it.

    Returns its delta time (plus those of the skipped messages), the position of its status or first data
    byte, its status, where its bytes begin (after the status of a channel event) and end, and whether
    anything was skipped.
    """
    delta, message = read_vlq(data, at, stop)
    skipped = False
    status = data[message] & 0xFF
    while 0xF0 < status < 0xFF and status != 0xF7:
        skipped = True
        more, message = read_vlq(data, message + 1 + system_message_size(status), stop)
        delta += more
        status = data[message] & 0xFF
    if status >= 0xF0:
        length, body = read_vlq(data, message + (2 if status == 0xFF else 1), stop)
        return delta, message, status, message, body + length, skipped
    start = message + 1
    if status < 0x80:
        status = running_status
        start = message
    return delta, message, status, start, start + (1 if status >> 4 in (0xC, 0xD) else 2), skipped


@inlined
def write_bridge(out: Any, at: int) -> int:
    """Write the longest delta time and an empty text event; return the position after them."""
    at = write_vlq(out, at, MAX_DELTA)
    out[at] = 0xFF
    out[at + 1] = 1
    out[at + 2] = 0
    return at + 3


@inlined
def bridge_long_gap(
    out: Any, part: Any, tick: int, offset: int, state: Any, writing: bool
) -> tuple[int, int]:
    """Bridge a gap that no delta time can hold; return the delta time that is left, and the bytes taken."""
    gap = tick - part.tick
    size = 0
    while gap > MAX_DELTA:
        if writing:
            write_bridge(out, part.position + size)
            count_problem(state, problems.DELTA_BRIDGED, offset)
        gap -= MAX_DELTA
        size += BRIDGE_SIZE
        part.running_status = 0
    return gap, size


@inlined
def write_channel_data(data: Any, out: Any, at: int, start: int, stop: int) -> None:
    """Copy the data bytes of a channel event, clamped to 127."""
    for source in range(start, stop):
        out[at] = min(data[source] & 0xFF, 127)
        at += 1


@helper
def write_event(data: Any, out: Any, part: Any, event: Any, offset: int, state: Any, writing: bool) -> int:
    """Write an event to a part, or only count its bytes; return how many it takes.

    An own event's delta time is copied unchanged if the event before it in its track also precedes it here.
    ``offset`` is the position reached in the track, for a problem.
    """
    at = part.position
    status, start, stop = event.status, event.start, event.stop
    gap, size = bridge_long_gap(out, part, event.tick, offset, state, writing)
    keeps_delta = size == 0 and event.delta_start >= 0 and part.last_event == event.number - 1
    size += event.message - event.delta_start if keeps_delta else vlq_size(gap)
    states_status = status < 0xF0 and (event.message < start or part.running_status != status)
    size += stop - start + (1 if states_status else 0)
    if writing:
        cursor = at + size - (stop - start) - (1 if states_status else 0)
        if keeps_delta:
            copy_bytes(
                out, cursor - (event.message - event.delta_start), data, event.delta_start, event.message
            )
        else:
            write_vlq(out, cursor - vlq_size(gap), gap)
        if states_status:
            out[cursor] = status
            cursor += 1
        if status < 0xF0:
            write_channel_data(data, out, cursor, start, stop)
        else:
            copy_bytes(out, cursor, data, start, stop)
    part.position = at + size
    part.tick = event.tick
    part.running_status = status if status < 0xF0 else 0
    part.last_event = event.number
    return int(size)


@inlined
def write_missing_end_of_track(out: Any, part: Any, tick: int, offset: int, state: Any, writing: bool) -> int:
    """Append an end of track to a part, or only count its bytes; return how many it takes."""
    gap, size = bridge_long_gap(out, part, tick, offset, state, writing)
    if writing:
        write_end_of_track(out, part.position + size, gap)
    size += vlq_size(gap) + 3
    part.position += size
    return int(size)


@inlined
def apply_sysex(data: Any, start: int, stop: int, state: Any) -> None:
    """Set the drum parts that a sysex sets."""
    length, body = read_vlq(data, start + 1, stop)
    mode = parse_part_mode(data, body, body + length)
    if mode == GS_RESET:
        state.gs_reset_seen = 1
    elif mode >= 0:
        state.channels[mode >> 1].part_mode = mode & 1


@inlined
def append_number(numbers: Any, count: int, number: int) -> Any:
    """Return the numbers with one more at ``count``."""
    if count == numbers.shape[0]:
        longer = np.empty(2 * count, np.int64)
        longer[:count] = numbers
        numbers = longer
    numbers[count] = number
    return numbers


@helper
def walk_track(
    song: Any,
    out: Any,
    track: int,
    merged_events: Any,
    parts: Any,
    state: Any,
    walk_pass: int,
    max_bytes: int,
) -> Any:
    """Take one pass over a track and the events merged into it.

    Returns the bytes of all events, or -1 once they exceed ``max_bytes``; and in the pass ``PASS_ASSIGN`` the
    keys to whose parts the program changes go, as ``make_program_parts`` takes them.
    """
    reset_track_state(state)
    data = song.data
    source = song.tables.tracks[track]
    by = source.by
    takes_fast_path = by != BY_PROGRAM and by != BY_DRUM and not song.options.event_by_event
    stop, end_of_track = source.stop, source.end_of_track
    part_count = parts.rows.shape[0]
    writing = walk_pass == PASS_WRITE
    sounding = new_sounding_notes(by)
    change_keys = np.empty(8 if walk_pass == PASS_ASSIGN else 0, np.int64)
    unplayed_change = np.full(16, NO_PART, np.int64)  # a channel's program change before any note
    changes = 0
    total = 0
    at = source.body
    tick = ZERO
    running = ZERO
    number = ZERO - 1
    merged = 0
    ended = False
    is_own = True
    own_tick, own_message, own_status, own_start, own_stop, own_delta_start = 0, 0, 0, 0, 0, 0
    while not ended:
        # Decode the next own event; the merged events that come before it are taken first.
        if is_own:
            if takes_fast_path:
                last_tick = NO_LIMIT
                if merged < merged_events.shape[0]:
                    last_tick = merged_events[merged].tick - (1 if merged_events[merged].track < track else 0)
                at, tick, running, number, size = write_channel_events(
                    data,
                    out,
                    parts,
                    by != BY_TRACK,
                    at,
                    stop,
                    tick,
                    running,
                    number,
                    last_tick,
                    state,
                    walk_pass,
                )
                total += size
                if total > max_bytes:
                    return -1, change_keys
            if at < stop:
                delta, own_message, own_status, own_start, own_stop, skipped = decode_event(
                    data, at, stop, running
                )
                own_tick = tick + delta
                own_delta_start = -1 if skipped else at
                if own_status < 0xF0:
                    running = own_status
            else:
                own_tick, own_message, own_status, own_start, own_stop, own_delta_start = (
                    source.ticks,
                    stop,
                    0xFF,
                    stop,
                    stop,
                    -1,
                )
            number += 1
        is_last = at >= stop or (end_of_track >= 0 and own_stop == stop)
        is_own = merged >= merged_events.shape[0] or not (
            is_last or comes_first(merged_events[merged], own_tick, track)
        )
        if is_own:
            event_tick, message, status, start, event_stop = (
                own_tick,
                own_message,
                own_status,
                own_start,
                own_stop,
            )
            event_number, delta_start = number, own_delta_start
            tick = own_tick
            at = own_stop
            ended = is_last
        else:
            row = merged_events[merged]
            event_tick, status, start = row.tick, row.status, row.position
            event_stop = start + row.size
            message = start - 1 if status < 0xF0 else start
            event_number, delta_start = CHAIN_BROKEN, -1
            merged += 1

        # The event goes to the parts from ``first`` up to ``last``.
        first, last = 0, part_count
        channel = status & 15
        kind = status >> 4
        if status == 0xF0:
            apply_sysex(data, start, event_stop, state)
        elif status < 0xF0:
            settings = state.channels[channel]
            pitch = min(data[start] & 0xFF, 127)
            velocity = min(data[start + 1] & 0xFF, 127) if event_stop - start == 2 else 0
            if by != BY_TRACK:
                first, last = parts.channel_starts[channel], parts.channel_stops[channel]
                if by == BY_DRUM and kind <= 0xA and parts.row_by_key[channel * PITCHES + pitch] >= 0:
                    first = parts.row_by_key[channel * PITCHES + pitch]
                    last = first + 1
            if kind == 0xC:
                settings.program = pitch
                if walk_pass == PASS_ASSIGN:
                    change_keys = append_number(change_keys, changes, -1 - channel)
                    unplayed_change[channel] = changes
                elif by == BY_PROGRAM:
                    first = parts.program_change_parts[changes]
                    last = first + 1 if first >= 0 else first
                changes += 1
            elif kind == 0xB:
                if pitch == 0:
                    settings.bank = velocity
            elif kind == 9 and velocity > 0:
                count_note_by_program(state, channel, event_tick)
                key = channel * PROGRAM_SLOTS + settings.program
                if walk_pass == PASS_ASSIGN:
                    if by == BY_DRUM:
                        state.notes_played[channel * PITCHES + pitch] = 1
                    if unplayed_change[channel] >= 0:
                        change_keys[unplayed_change[channel]] = key
                        unplayed_change[channel] = NO_PART
                else:
                    if by == BY_PROGRAM:
                        first = parts.row_by_key[key]
                        last = first + 1
                        sounding = push_note(sounding, channel * PITCHES + pitch, first)
                    if walk_pass == PASS_MEASURE:
                        if by == BY_DRUM:
                            record_part_program(parts.rows[first], settings.program)
                        count_part_note(state, parts.rows[first], channel, pitch, event_tick)
            elif kind <= 9 and by == BY_PROGRAM and walk_pass != PASS_ASSIGN:
                released = pop_note(sounding, channel * PITCHES + pitch)
                if released >= 0:
                    first, last = released, released + 1
        if walk_pass == PASS_ASSIGN:
            continue
        if first >= last:
            if writing:
                count_problem(state, problems.SILENT_CHANNEL, message)
            continue
        event = TrackEvent(event_tick, status, start, event_stop, delta_start, message, event_number)
        for row_number in range(first, last):
            part = parts.rows[row_number]
            if is_own and ended and end_of_track < 0:
                total += write_missing_end_of_track(out, part, event_tick, stop, state, writing)
            else:
                total += write_event(data, out, part, event, own_message, state, writing)
            if total > max_bytes:
                return -1, change_keys
    return total, change_keys[:changes] if walk_pass == PASS_ASSIGN else change_keys
