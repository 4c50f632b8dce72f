"""The walk that writes event by event: a track divided into parts, mended, or with guests of every kind.

It is taken in up to three passes: ``ASSIGN`` (by program only) finds the parts, ``MEASURE`` their sizes and
facts, ``WRITE`` writes them.
"""

from typing import Any

import numpy as np

from midiprism.smf import problems
from midiprism.smf.deal import count_note, deal
from midiprism.smf.jit import helper, inlined
from midiprism.smf.layout import (
    A_AT,
    A_CHAIN,
    A_STATUS,
    A_TICK,
    ASSIGN,
    BOUNDLESS,
    BROKEN,
    BY_PROGRAM,
    BY_TRACK,
    C_BANK,
    C_COLUMNS,
    C_MODE,
    C_PROGRAM,
    E_LENGTH,
    E_POSITION,
    E_STATUS,
    E_TICK,
    E_TRACK,
    G_BY,
    G_WALK_ALL,
    LONGEST_DELTA,
    MEASURE,
    PROGRAMS,
    T_BODY,
    T_END,
    T_STOP,
    T_TICKS,
    W_CHANNELS,
    W_GS,
    W_KEYS,
    W_PLAYED,
    WRITE,
    ZERO,
)
from midiprism.smf.messages import GS_RESET, part_mode, system_size
from midiprism.smf.octets import put_span, put_vlq, read_vlq, vlq_size
from midiprism.smf.parts import NOWHERE, no_sounding, parts_of, pop, program_parts, push, rewind
from midiprism.smf.splice import put_end
from midiprism.smf.tables import found, play, reset

BRIDGE = 7
"""Bytes of the longest delta time and an empty text event."""


@inlined
def decode(data: Any, at: int, stop: int, running: int) -> tuple[int, int, int, int, int, bool]:
    """The next event of a scanned track, system messages before it skipped.

    Returns its delta time (with theirs), the position of its status or first data byte, its status, where its
    bytes begin (behind the status of a channel event) and end, and whether anything was skipped.
    """
    delta, message = read_vlq(data, at, stop)
    skipped = False
    status = data[message] & 0xFF
    while 0xF0 < status < 0xFF and status != 0xF7:
        skipped = True
        more, message = read_vlq(data, message + 1 + system_size(status), stop)
        delta += more
        status = data[message] & 0xFF
    if status >= 0xF0:
        length, body = read_vlq(data, message + (2 if status == 0xFF else 1), stop)
        return delta, message, status, message, body + length, skipped
    start = message + 1
    if status < 0x80:
        status = running
        start = message
    return delta, message, status, start, start + (1 if status >> 4 in (0xC, 0xD) else 2), skipped


@inlined
def put_bridge(out: Any, at: int) -> int:
    """Write the longest delta time and an empty text event; returns the position after them."""
    at = put_vlq(out, at, LONGEST_DELTA)
    out[at] = 0xFF
    out[at + 1] = 1
    out[at + 2] = 0
    return at + 3


@inlined
def begin_event(
    out: Any, rows: Any, part: int, tick: int, offset: int, work: Any, writing: bool
) -> tuple[int, int]:
    """Bridge a gap that no delta time can hold; returns the delta time that is left, and the bytes taken."""
    gap = tick - rows[part, A_TICK]
    size = 0
    while gap > LONGEST_DELTA:
        if writing:
            put_bridge(out, rows[part, A_AT] + size)
            found(work, problems.DELTA_BRIDGED, offset)
        gap -= LONGEST_DELTA
        size += BRIDGE
        rows[part, A_STATUS] = 0
    return gap, size


@inlined
def put_channel_data(data: Any, out: Any, at: int, start: int, stop: int) -> int:
    """Copy the data bytes of a channel event, clamped to 127; returns the position after them."""
    for source in range(start, stop):
        out[at] = min(data[source] & 0xFF, 127)
        at += 1
    return at


@helper
def put_event(
    data: Any,
    out: Any,
    rows: Any,
    part: int,
    tick: int,
    status: int,
    start: int,
    stop: int,
    spelled: int,
    message: int,
    index: int,
    offset: int,
    work: Any,
    writing: bool,
) -> int:
    """Put an event into a part, or only count its bytes; returns how many it takes.

    An own event has a number, ``index``, and its delta time is ``data[spelled:message]``, kept as it stands
    where the own event before it stands before it here too. A guest has BROKEN for a number, and an explicit
    status. ``offset`` is where its own track has got to, for a problem.
    """
    at = rows[part, A_AT]
    gap, size = begin_event(out, rows, part, tick, offset, work, writing)
    kept = size == 0 and spelled >= 0 and rows[part, A_CHAIN] == index - 1
    size += message - spelled if kept else vlq_size(gap)
    stated = status < 0xF0 and (message < start or rows[part, A_STATUS] != status)
    size += stop - start + (1 if stated else 0)
    if writing:
        cursor = at + size - (stop - start) - (1 if stated else 0)
        if kept:
            put_span(out, cursor - (message - spelled), data, spelled, message)
        else:
            put_vlq(out, cursor - vlq_size(gap), gap)
        if stated:
            out[cursor] = status
            cursor += 1
        if status < 0xF0:
            put_channel_data(data, out, cursor, start, stop)
        else:
            put_span(out, cursor, data, start, stop)
    rows[part, A_AT] = at + size
    rows[part, A_TICK] = tick
    rows[part, A_STATUS] = status if status < 0xF0 else 0
    rows[part, A_CHAIN] = index
    return int(size)


@inlined
def put_missing_end(out: Any, rows: Any, part: int, tick: int, offset: int, work: Any, writing: bool) -> int:
    """Append an end of track to a part, or only count its bytes; returns how many it takes."""
    gap, size = begin_event(out, rows, part, tick, offset, work, writing)
    if writing:
        put_end(out, rows[part, A_AT] + size, gap)
    size += vlq_size(gap) + 3
    rows[part, A_AT] += size
    return int(size)


@helper
def walk(
    data: Any,
    out: Any,
    tables: Any,
    track: int,
    settings: Any,
    guests: Any,
    parts: Any,
    work: Any,
    mode: int,
    most: int,
) -> Any:
    """One pass over a track and its guests.

    Returns the bytes of all events, or -1 once they exceed ``most``; and in the pass ``ASSIGN`` the targets
    of the program changes, as ``program_parts`` takes them.
    """
    reset(work)
    by = settings[G_BY]
    deals = by != BY_PROGRAM and not settings[G_WALK_ALL]
    row = tables.tracks[track]
    stop, end = row[T_STOP], row[T_END]
    rows = parts.rows
    count = rows.shape[0]
    writing = mode == WRITE
    sounding = no_sounding(by)
    targets = np.empty(8 if mode == ASSIGN else 0, np.int64)
    unheard = np.full(16, NOWHERE, np.int64)
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
                horizon = BOUNDLESS
                if guest < guests.shape[0]:
                    horizon = guests[guest, E_TICK] - (1 if guests[guest, E_TRACK] < track else 0)
                at, tick, running, index, size = deal(
                    data, out, parts, by != BY_TRACK, at, stop, tick, running, index, horizon, work, mode
                )
                total += size
                if total > most:
                    return -1, targets
            if at < stop:
                delta, own_message, own_status, own_start, following, skipped = decode(
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
        own = guest >= guests.shape[0] or not (
            last_own
            or guests[guest, E_TICK] < due
            or (guests[guest, E_TICK] == due and guests[guest, E_TRACK] < track)
        )
        if own:
            when, message, status, start, after = due, own_message, own_status, own_start, following
            number, delta_at = index, spelled
            tick = due
            at = following
            ended = last_own
        else:
            when, status, start = guests[guest, E_TICK], guests[guest, E_STATUS], guests[guest, E_POSITION]
            after = start + guests[guest, E_LENGTH]
            message = start - 1 if status < 0xF0 else start
            number, delta_at = BROKEN, -1
            guest += 1

        # Where it goes: the parts from ``first`` on, up to ``last``.
        first, last = 0, count
        channel = status & 15
        kind = status >> 4
        if status == 0xF0:
            length, text = read_vlq(data, start + 1, after)
            assigned = part_mode(data, text, text + length)
            if assigned == GS_RESET:
                work[W_GS] = 1
            elif assigned >= 0:
                work[W_CHANNELS + (assigned >> 1) * C_COLUMNS + C_MODE] = assigned & 1
        elif status < 0xF0:
            state = W_CHANNELS + channel * C_COLUMNS
            pitch = min(data[start] & 0xFF, 127)
            velocity = min(data[start + 1] & 0xFF, 127) if after - start == 2 else 0
            if by != BY_TRACK:
                first, last = parts.begins[channel], parts.begins[channel + 1]
            if kind == 0xC:
                work[state + C_PROGRAM] = pitch
                if mode == ASSIGN:
                    if changes == targets.shape[0]:
                        longer = np.empty(2 * changes, np.int64)
                        longer[:changes] = targets
                        targets = longer
                    targets[changes] = -1 - channel
                    unheard[channel] = changes
                elif by == BY_PROGRAM:
                    first = parts.targets[changes]
                    last = first + 1 if first >= 0 else first
                changes += 1
            elif kind == 0xB:
                if pitch == 0:
                    work[state + C_BANK] = velocity
            elif kind == 9 and velocity > 0:
                play(work, channel, when)
                if mode == ASSIGN:
                    if unheard[channel] >= 0:
                        targets[unheard[channel]] = channel * PROGRAMS + work[state + C_PROGRAM]
                        unheard[channel] = NOWHERE
                else:
                    if by == BY_PROGRAM:
                        first = parts.lookup[channel * PROGRAMS + work[state + C_PROGRAM]]
                        last = first + 1
                        sounding = push(sounding, channel * 128 + pitch, first)
                    if mode == MEASURE:
                        count_note(work, rows, first, channel, pitch, when)
            elif kind <= 9 and by == BY_PROGRAM and mode != ASSIGN:
                released = pop(sounding, channel * 128 + pitch)
                if released >= 0:
                    first, last = released, released + 1
        if mode == ASSIGN:
            continue
        if first >= last:
            if writing:
                found(work, problems.SILENT_CHANNEL, message)
            continue
        for part in range(first, last):
            if own and ended and end < 0:
                total += put_missing_end(out, rows, part, when, stop, work, writing)
            else:
                total += put_event(
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
                    work,
                    writing,
                )
            if total > most:
                return -1, targets
    return total, targets[:changes] if mode == ASSIGN else targets


@helper
def find_parts(
    data: Any, out: Any, tables: Any, track: int, settings: Any, channels: int, guests: Any, work: Any
) -> Any:
    """The parts of a track that plays on these channels (a bit each), nothing written yet."""
    by = settings[G_BY]
    if by != BY_PROGRAM:
        parts = parts_of(by, channels)
    else:
        empty = parts_of(ZERO + BY_TRACK, ZERO)
        _, targets = walk(data, out, tables, track, settings, guests, empty, work, ASSIGN, ZERO)
        parts = program_parts(work[W_KEYS : W_KEYS + work[W_PLAYED]], targets)
    rewind(parts)
    return parts
