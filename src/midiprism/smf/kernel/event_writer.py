"""The walk that writes event by event: a track divided into parts, mended, or with guests of every kind.

It is taken in up to three passes: ``PASS_ASSIGN`` (by program only) finds the parts, ``PASS_MEASURE`` their sizes and
facts, ``PASS_WRITE`` writes them.
"""

from typing import Any

import numpy as np

from midiprism.smf import problems
from midiprism.smf.kernel.buffers import count_note_by_program, count_problem, reset_track_state
from midiprism.smf.kernel.copy_writer import write_end_of_track
from midiprism.smf.kernel.fast_write import count_part_note, write_channel_events
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.messages import GS_RESET, parse_part_mode, system_message_size
from midiprism.smf.kernel.parts import (
    NO_PART,
    make_parts,
    make_program_parts,
    new_sounding_notes,
    pop_note,
    push_note,
    rewind_parts,
)
from midiprism.smf.kernel.row_fields import (
    A_AT,
    A_CHAIN,
    A_STATUS,
    A_TICK,
    BY_PROGRAM,
    BY_TRACK,
    C_BANK,
    C_COLUMNS,
    C_MODE,
    C_PROGRAM,
    CHAIN_BROKEN,
    E_LENGTH,
    E_POSITION,
    E_STATUS,
    E_TICK,
    E_TRACK,
    G_BY,
    G_WALK_ALL,
    MAX_DELTA,
    NO_LIMIT,
    PASS_ASSIGN,
    PASS_MEASURE,
    PASS_WRITE,
    PROGRAM_SLOTS,
    T_BODY,
    T_END,
    T_STOP,
    T_TICKS,
    W_CHANNELS,
    W_GS,
    W_KEYS,
    W_PLAYED,
    ZERO,
)
from midiprism.smf.kernel.varlen import copy_bytes, read_vlq, vlq_size, write_vlq

BRIDGE_SIZE = 7
"""Bytes of the longest delta time and an empty text event."""


@inlined
def decode_event(data: Any, at: int, stop: int, running_status: int) -> tuple[int, int, int, int, int, bool]:
    """The next event of a scanned track, system messages before it skipped.

    Returns its delta time (with theirs), the position of its status or first data byte, its status, where its
    bytes begin (behind the status of a channel event) and end, and whether anything was skipped.
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
    """Write the longest delta time and an empty text event; returns the position after them."""
    at = write_vlq(out, at, MAX_DELTA)
    out[at] = 0xFF
    out[at + 1] = 1
    out[at + 2] = 0
    return at + 3


@inlined
def bridge_long_gap(
    out: Any, rows: Any, part: int, tick: int, offset: int, track_state: Any, writing: bool
) -> tuple[int, int]:
    """Bridge a gap that no delta time can hold; returns the delta time that is left, and the bytes taken."""
    gap = tick - rows[part, A_TICK]
    size = 0
    while gap > MAX_DELTA:
        if writing:
            write_bridge(out, rows[part, A_AT] + size)
            count_problem(track_state, problems.DELTA_BRIDGED, offset)
        gap -= MAX_DELTA
        size += BRIDGE_SIZE
        rows[part, A_STATUS] = 0
    return gap, size


@inlined
def write_channel_data(data: Any, out: Any, at: int, start: int, stop: int) -> int:
    """Copy the data bytes of a channel event, clamped to 127; returns the position after them."""
    for source in range(start, stop):
        out[at] = min(data[source] & 0xFF, 127)
        at += 1
    return at


@helper
def write_event(
    data: Any,
    out: Any,
    rows: Any,
    part: int,
    tick: int,
    status: int,
    start: int,
    stop: int,
    delta_start: int,
    message: int,
    event_number: int,
    offset: int,
    track_state: Any,
    writing: bool,
) -> int:
    """Put an event into a part, or only count its bytes; returns how many it takes.

    An own event has a number, ``index``, and its delta time is ``data[spelled:message]``, kept as it stands
    where the own event before it stands before it here too. A guest has BROKEN for a number, and an explicit
    status. ``offset`` is where its own track has got to, for a problem.
    """
    at = rows[part, A_AT]
    gap, size = bridge_long_gap(out, rows, part, tick, offset, track_state, writing)
    kept = size == 0 and delta_start >= 0 and rows[part, A_CHAIN] == event_number - 1
    size += message - delta_start if kept else vlq_size(gap)
    stated = status < 0xF0 and (message < start or rows[part, A_STATUS] != status)
    size += stop - start + (1 if stated else 0)
    if writing:
        cursor = at + size - (stop - start) - (1 if stated else 0)
        if kept:
            copy_bytes(out, cursor - (message - delta_start), data, delta_start, message)
        else:
            write_vlq(out, cursor - vlq_size(gap), gap)
        if stated:
            out[cursor] = status
            cursor += 1
        if status < 0xF0:
            write_channel_data(data, out, cursor, start, stop)
        else:
            copy_bytes(out, cursor, data, start, stop)
    rows[part, A_AT] = at + size
    rows[part, A_TICK] = tick
    rows[part, A_STATUS] = status if status < 0xF0 else 0
    rows[part, A_CHAIN] = event_number
    return int(size)


@inlined
def write_missing_end_of_track(
    out: Any, rows: Any, part: int, tick: int, offset: int, track_state: Any, writing: bool
) -> int:
    """Append an end of track to a part, or only count its bytes; returns how many it takes."""
    gap, size = bridge_long_gap(out, rows, part, tick, offset, track_state, writing)
    if writing:
        write_end_of_track(out, rows[part, A_AT] + size, gap)
    size += vlq_size(gap) + 3
    rows[part, A_AT] += size
    return int(size)


@helper
def walk_track(
    data: Any,
    out: Any,
    tables: Any,
    track: int,
    kernel_options: Any,
    merged_events: Any,
    parts: Any,
    track_state: Any,
    walk_pass: int,
    max_bytes: int,
) -> Any:
    """One pass over a track and its guests.

    Returns the bytes of all events, or -1 once they exceed ``most``; and in the pass ``PASS_ASSIGN`` the targets
    of the program changes, as ``make_program_parts`` takes them.
    """
    reset_track_state(track_state)
    by = kernel_options[G_BY]
    deals = by != BY_PROGRAM and not kernel_options[G_WALK_ALL]
    row = tables.tracks[track]
    stop, end = row[T_STOP], row[T_END]
    rows = parts.rows
    count = rows.shape[0]
    writing = walk_pass == PASS_WRITE
    sounding = new_sounding_notes(by)
    targets = np.empty(8 if walk_pass == PASS_ASSIGN else 0, np.int64)
    unheard = np.full(16, NO_PART, np.int64)
    changes = 0
    total = 0
    at = row[T_BODY]
    tick = ZERO
    running = ZERO
    index = ZERO - 1
    guest = 0
    ended = False
    own = True
    due, own_message, own_status, own_start, following, spelled = 0, 0, 0, 0, 0, 0
    while not ended:
        # The next own event; the guests that come before it are taken first.
        if own:
            if deals:
                horizon = NO_LIMIT
                if guest < merged_events.shape[0]:
                    horizon = merged_events[guest, E_TICK] - (
                        1 if merged_events[guest, E_TRACK] < track else 0
                    )
                at, tick, running, index, size = write_channel_events(
                    data,
                    out,
                    parts,
                    by != BY_TRACK,
                    at,
                    stop,
                    tick,
                    running,
                    index,
                    horizon,
                    track_state,
                    walk_pass,
                )
                total += size
                if total > max_bytes:
                    return -1, targets
            if at < stop:
                delta, own_message, own_status, own_start, following, skipped = decode_event(
                    data, at, stop, running
                )
                due = tick + delta
                spelled = -1 if skipped else at
                if own_status < 0xF0:
                    running = own_status
            else:
                due, own_message, own_status, own_start, following, spelled = (
                    row[T_TICKS],
                    stop,
                    0xFF,
                    stop,
                    stop,
                    -1,
                )
            index += 1
        last_own = at >= stop or (end >= 0 and following == stop)
        own = guest >= merged_events.shape[0] or not (
            last_own
            or merged_events[guest, E_TICK] < due
            or (merged_events[guest, E_TICK] == due and merged_events[guest, E_TRACK] < track)
        )
        if own:
            when, message, status, start, after = due, own_message, own_status, own_start, following
            number, delta_at = index, spelled
            tick = due
            at = following
            ended = last_own
        else:
            when, status, start = (
                merged_events[guest, E_TICK],
                merged_events[guest, E_STATUS],
                merged_events[guest, E_POSITION],
            )
            after = start + merged_events[guest, E_LENGTH]
            message = start - 1 if status < 0xF0 else start
            number, delta_at = CHAIN_BROKEN, -1
            guest += 1

        # Where it goes: the parts from ``first`` on, up to ``last``.
        first, last = 0, count
        channel = status & 15
        kind = status >> 4
        if status == 0xF0:
            length, text = read_vlq(data, start + 1, after)
            assigned = parse_part_mode(data, text, text + length)
            if assigned == GS_RESET:
                track_state[W_GS] = 1
            elif assigned >= 0:
                track_state[W_CHANNELS + (assigned >> 1) * C_COLUMNS + C_MODE] = assigned & 1
        elif status < 0xF0:
            state = W_CHANNELS + channel * C_COLUMNS
            pitch = min(data[start] & 0xFF, 127)
            velocity = min(data[start + 1] & 0xFF, 127) if after - start == 2 else 0
            if by != BY_TRACK:
                first, last = parts.channel_starts[channel], parts.channel_starts[channel + 1]
            if kind == 0xC:
                track_state[state + C_PROGRAM] = pitch
                if walk_pass == PASS_ASSIGN:
                    if changes == targets.shape[0]:
                        longer = np.empty(2 * changes, np.int64)
                        longer[:changes] = targets
                        targets = longer
                    targets[changes] = -1 - channel
                    unheard[channel] = changes
                elif by == BY_PROGRAM:
                    first = parts.program_change_parts[changes]
                    last = first + 1 if first >= 0 else first
                changes += 1
            elif kind == 0xB:
                if pitch == 0:
                    track_state[state + C_BANK] = velocity
            elif kind == 9 and velocity > 0:
                count_note_by_program(track_state, channel, when)
                if walk_pass == PASS_ASSIGN:
                    if unheard[channel] >= 0:
                        targets[unheard[channel]] = channel * PROGRAM_SLOTS + track_state[state + C_PROGRAM]
                        unheard[channel] = NO_PART
                else:
                    if by == BY_PROGRAM:
                        first = parts.row_by_key[channel * PROGRAM_SLOTS + track_state[state + C_PROGRAM]]
                        last = first + 1
                        sounding = push_note(sounding, channel * 128 + pitch, first)
                    if walk_pass == PASS_MEASURE:
                        count_part_note(track_state, rows, first, channel, pitch, when)
            elif kind <= 9 and by == BY_PROGRAM and walk_pass != PASS_ASSIGN:
                released = pop_note(sounding, channel * 128 + pitch)
                if released >= 0:
                    first, last = released, released + 1
        if walk_pass == PASS_ASSIGN:
            continue
        if first >= last:
            if writing:
                count_problem(track_state, problems.SILENT_CHANNEL, message)
            continue
        for part in range(first, last):
            if own and ended and end < 0:
                total += write_missing_end_of_track(out, rows, part, when, stop, track_state, writing)
            else:
                total += write_event(
                    data,
                    out,
                    rows,
                    part,
                    when,
                    status,
                    start,
                    after,
                    delta_at,
                    message,
                    number,
                    own_message,
                    track_state,
                    writing,
                )
            if total > max_bytes:
                return -1, targets
    return total, targets[:changes] if walk_pass == PASS_ASSIGN else targets


@helper
def plan_parts(
    data: Any,
    out: Any,
    tables: Any,
    track: int,
    kernel_options: Any,
    channels: int,
    merged_events: Any,
    track_state: Any,
) -> Any:
    """The parts of a track that plays on these channels (a bit each), nothing written yet."""
    by = kernel_options[G_BY]
    if by != BY_PROGRAM:
        parts = make_parts(by, channels)
    else:
        empty = make_parts(ZERO + BY_TRACK, ZERO)
        _, targets = walk_track(
            data, out, tables, track, kernel_options, merged_events, empty, track_state, PASS_ASSIGN, ZERO
        )
        parts = make_program_parts(track_state[W_KEYS : W_KEYS + track_state[W_PLAYED]], targets)
    rewind_parts(parts)
    return parts
