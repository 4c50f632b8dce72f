"""The tight loop of the scan: notes, controllers and bends, which most of a file consists of."""

from typing import Any

from midiprism.smf.jit import inlined, proved, unsigned
from midiprism.smf.layout import (
    C_COLUMNS,
    C_PROGRAM,
    LONGEST_PLAIN,
    M_POSITION,
    M_STATUS,
    M_TICK,
    MARK_EVERY,
    PROGRAMS,
    W_ACTIVE,
    W_CHANNELS,
    W_HIGH,
    W_KEYS,
    W_LOW,
    W_NOTES,
    W_PLAYED,
    W_PLAYS,
    W_SOUNDING,
)
from midiprism.smf.tables import first_play, play


@inlined
def begin_note(work: Any, channel: int, pitch: int, tick: int) -> None:
    """Count a note that begins."""
    work[W_NOTES] += 1
    work[W_LOW] = min(work[W_LOW], pitch)
    work[W_HIGH] = max(work[W_HIGH], pitch)
    work[W_SOUNDING] += 1
    work[W_ACTIVE + (channel << 7 | pitch)] += 1
    play(work, channel, tick)


@inlined
def end_note(work: Any, channel: int, pitch: int) -> None:
    """Count the end of a note, if one sounds."""
    if work[W_ACTIVE + (channel << 7 | pitch)] > 0:
        work[W_ACTIVE + (channel << 7 | pitch)] -= 1
        work[W_SOUNDING] -= 1


@inlined
def channels_played(work: Any) -> int:
    """A bit per channel that has played a note."""
    mask = 0
    for at in range(W_KEYS, W_KEYS + work[W_PLAYED]):
        mask |= 1 << work[at] // PROGRAMS
    return mask


@proved
def run_of_events(
    data: Any,
    at: int,
    limit: int,
    tick: int,
    running: int,
    events: int,
    notes_only: bool,
    marks: Any,
    mark: int,
    work: Any,
) -> tuple[int, int, int, int, int]:
    """Scan the plain channel events that come next: all but program changes and bank selects.

    Most events of most files are such. Stops before the first that is anything else, or that needs a closer
    look, and a little before ``limit``.

    Returns:
        The position and tick that were reached, the running status, the events and the marks so far.
    """
    notes = 0
    since = 0
    low, high = work[W_LOW], work[W_HIGH]
    sounding = work[W_SOUNDING]
    voice_status = 0
    voice = W_PLAYS
    while at + LONGEST_PLAIN <= limit:
        message = at + 1
        delta = data[unsigned(at)] & 0xFF
        if delta >= 0x80:
            delta = (delta & 0x7F) << 7 | data[unsigned(message)] & 0x7F
            if data[unsigned(message)] >= 0x80:
                break
            message += 1
        status = data[unsigned(message)] & 0xFF
        if status < 0x80:
            status = running
        else:
            message += 1
        kind = status >> 4
        first = data[unsigned(message)] & 0xFF
        second = data[unsigned(message + 1)] & 0xFF
        if kind <= 9 and first | second < 0x80:
            slot = W_ACTIVE + ((status & 15) << 7 | first)
            if kind == 9 and second > 0:
                if status != voice_status:
                    # Notes are counted under their channel and program when another follows.
                    work[unsigned(voice)] += notes - since
                    since = notes
                    voice_status = status
                    channel = status & 15
                    voice = W_PLAYS + channel * PROGRAMS + work[W_CHANNELS + channel * C_COLUMNS + C_PROGRAM]
                    if work[unsigned(voice)] == 0:
                        first_play(work, channel, voice - W_PLAYS, tick + delta)
                notes += 1
                low = min(low, first)
                high = max(high, first)
                sounding += 1
                work[unsigned(slot)] += 1
            elif work[unsigned(slot)] > 0:
                work[unsigned(slot)] -= 1
                sounding -= 1
            message += 2
        elif notes_only or kind == 0xC or kind == 0xF or first >= 0x80 or (kind == 0xB and first == 0):
            break
        elif kind == 0xD:
            message += 1
        elif second < 0x80:
            message += 2
        else:
            break
        if events & (MARK_EVERY - 1) == 0:
            if mark == marks.shape[0]:
                break
            marks[unsigned(mark), M_TICK] = tick
            marks[unsigned(mark), M_POSITION] = at
            marks[unsigned(mark), M_STATUS] = running
            mark += 1
        at = message
        running = status
        tick += delta
        events += 1
    work[unsigned(voice)] += notes - since
    work[W_NOTES] += notes
    work[W_LOW] = low
    work[W_HIGH] = high
    work[W_SOUNDING] = sounding
    return at, tick, running, events, mark
