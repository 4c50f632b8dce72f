"""The tight loop of the general walk: notes, controllers and bends, dealt to the parts of their channels."""

from typing import Any

from midiprism.smf.jit import inlined, proved, unsigned
from midiprism.smf.layout import (
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
    BOUNDLESS,
    LONGEST_DELTA,
    LONGEST_PLAIN,
    WRITE,
)
from midiprism.smf.octets import put_vlq, vlq_size
from midiprism.smf.tables import own_drums, play

LONGEST_PUT = 7
"""Most bytes that a channel event takes in a part: a delta time, a status, two data bytes."""


@inlined
def count_note(work: Any, rows: Any, part: int, channel: int, pitch: int, tick: int) -> None:
    """Count a note of a part among its facts."""
    if rows[part, A_NOTES] == 0:
        rows[part, A_ONSET] = tick
        rows[part, A_DRUMS] = own_drums(work, channel)
    rows[part, A_NOTES] += 1
    rows[part, A_LOW] = min(rows[part, A_LOW], pitch)
    rows[part, A_HIGH] = max(rows[part, A_HIGH], pitch)
    rows[part, A_CHANNELS] |= 1 << channel


@proved
def deal(
    data: Any,
    out: Any,
    parts: Any,
    divided: bool,
    at: int,
    limit: int,
    tick: int,
    running: int,
    index: int,
    horizon: int,
    work: Any,
    mode: int,
) -> tuple[int, int, int, int, int]:
    """Put the plain channel events that come next into the parts of their channels, as ``put_event`` would.

    Those are all but program changes and bank selects. Stops before the first that is anything else, is due
    after ``horizon``, belongs to no part or needs a closer look, and a little before ``limit`` and before the
    end of ``out``. Not for parts by program. ``index`` is the number of the own event before.

    Returns:
        The position and tick that were reached, the running status, the number of the last own event, and the
        bytes that were put.
    """
    rows, begins = parts.rows, parts.begins
    writing = mode == WRITE
    room = out.shape[0] - LONGEST_PUT if writing else BOUNDLESS
    total = 0
    while at + LONGEST_PLAIN <= limit:
        message = at + 1
        delta = data[unsigned(at)] & 0xFF
        if delta >= 0x80:
            delta = (delta & 0x7F) << 7 | data[unsigned(message)] & 0x7F
            if data[unsigned(message)] >= 0x80:
                break
            message += 1
        start = message
        status = data[unsigned(message)] & 0xFF
        if status < 0x80:
            status = running
        else:
            start += 1
        kind = status >> 4
        channel = status & 15
        first = data[unsigned(start)] & 0xFF
        second = data[unsigned(start + 1)] & 0xFF
        after = start + 2
        if kind == 0xD:
            after = start + 1
            second = 0
        part = begins[unsigned(channel)]
        when = tick + delta
        if (
            kind == 0xC
            or kind == 0xF
            or first | second >= 0x80
            or (kind == 0xB and first == 0)
            or when > horizon
            or (divided and part == begins[unsigned(channel + 1)])
        ):
            break
        row = unsigned(part)
        gap = when - rows[row, A_TICK]
        cursor = rows[row, A_AT]
        if gap > LONGEST_DELTA or cursor > room:
            break
        width = message - at if rows[row, A_CHAIN] == index else vlq_size(gap)
        stated = 1 if start > message or rows[row, A_STATUS] != status else 0
        size = width + stated + after - start
        if writing:
            # What stands too far ahead is overwritten: fewer branches, which no processor could foresee.
            if width <= 2:
                out[unsigned(cursor)] = 0x80 | gap >> 7 & 0x7F
                out[unsigned(cursor + width - 1)] = gap & 0x7F
            else:
                put_vlq(out, cursor, gap)
            out[unsigned(cursor + width)] = status
            out[unsigned(cursor + width + stated)] = first
            if kind != 0xD:
                out[unsigned(cursor + size - 1)] = second
        elif kind == 9 and second > 0:
            play(work, channel, when)
            count_note(work, rows, row, channel, first, when)
        rows[row, A_AT] = cursor + size
        rows[row, A_TICK] = when
        rows[row, A_STATUS] = status
        index += 1
        rows[row, A_CHAIN] = index
        total += size
        at = after
        running = status
        tick = when
    return at, tick, running, index, total
