"""One scan over the events of one track: where it ends, what plays, and what other tracks need of it."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.jit import helper
from midiprism.smf.layout import (
    C_BANK,
    C_DRUMS,
    C_MODE,
    C_ONSET,
    C_PROGRAM,
    E_KIND,
    E_LENGTH,
    E_POSITION,
    E_STATUS,
    E_TICK,
    E_TRACK,
    EVERY_CHANNEL,
    KEY_SIGNATURE,
    M_POSITION,
    M_STATUS,
    M_TICK,
    MARK_EVERY,
    N_CLEAN,
    N_CONDUCTOR,
    N_GS,
    N_MARKS,
    N_OTHERS,
    N_SETUP,
    PROGRAMS,
    S_BANK,
    S_KEY,
    S_MODE,
    S_PROGRAM,
    S_TICK,
    S_VALUE,
    SMPTE_OFFSET,
    T_BODY,
    T_CHANNELS,
    T_CONDUCTOR_FIRST,
    T_CONDUCTOR_LAST,
    T_CONDUCTOR_SIZE,
    T_DRUMS,
    T_END,
    T_HIGH,
    T_LEAD_CHANNEL,
    T_LEAD_PROGRAM,
    T_LOW,
    T_MARK_FIRST,
    T_MARK_LAST,
    T_NAME,
    T_NAME_LENGTH,
    T_NOTES,
    T_ONSET,
    T_PROGRAM,
    T_REWRITE,
    T_STOP,
    T_TICKS,
    TEMPO,
    TIME_SIGNATURE,
)
from midiprism.smf.octets import TOO_LONG, read_vlq
from midiprism.smf.tables import Tables, found, lead, play, reset, room

GS_RESET = -2
NOTHING = -1


@helper
def system_size(status: int) -> int:
    """Data bytes of a system common or realtime message (F1 to F6, F8 to FE)."""
    if status == 0xF2:
        return 2
    return 1 if status in (0xF1, 0xF3) else 0


@helper
def part_mode(data: Any, start: int, stop: int) -> int:
    """What a sysex body does to drum parts: channel * 2 + 1 for drums, channel * 2 for melodic.

    GS_RESET for a Roland GS reset, NOTHING for any other. GS: "use for rhythm part" (40 1x 15); XG: part mode
    (08 nn 07).
    """
    size = stop - start
    if size >= 9 and data[start] == 0x41 and data[start + 2] == 0x42 and data[start + 3] == 0x12:
        if data[start + 4] != 0x40:
            return NOTHING
        block, parameter, value = data[start + 5] & 0xFF, data[start + 6] & 0xFF, data[start + 7] & 0xFF
        if block == 0 and parameter == 0x7F and value == 0:
            return GS_RESET
        if block & 0xF0 == 0x10 and parameter == 0x15:
            part = block & 15
            channel = 9 if part == 0 else part - 1 if part < 10 else part
            return channel * 2 + (1 if value > 0 else 0)
    elif size >= 7 and data[start] == 0x43 and data[start + 1] & 0xF0 == 0x10 and data[start + 2] == 0x4C:
        part = data[start + 4] & 0xFF
        if data[start + 3] == 0x08 and data[start + 5] == 0x07 and part < 16:
            return part * 2 + (1 if data[start + 6] > 0 else 0)
    return NOTHING


@helper
def selects(tables: Any, counters: Any, tick: int, key: int, value: int) -> Any:
    """Remember what selects a sound; returns the tables."""
    row = counters[N_SETUP]
    setup = room(tables.setup, row)
    setup[row, S_TICK] = tick
    setup[row, S_KEY] = key
    setup[row, S_VALUE] = value
    counters[N_SETUP] += 1
    return Tables(tables.tracks, tables.marks, tables.conductor, tables.others, setup, tables.problems)


@helper
def fill_event(table: Any, row: int, tick: int, track: int, start: int, stop: int, status: int, kind: int) -> None:
    """Fill a row of the conductor table or of the others."""
    table[row, E_TICK] = tick
    table[row, E_TRACK] = track
    table[row, E_POSITION] = start
    table[row, E_LENGTH] = stop - start
    table[row, E_STATUS] = status
    table[row, E_KIND] = kind


@helper
def conduct(
    tables: Any, counters: Any, tick: int, track: int, start: int, stop: int, kind: int
) -> Any:
    """Remember a conductor event; returns the tables."""
    row = counters[N_CONDUCTOR]
    conductor = room(tables.conductor, row)
    fill_event(conductor, row, tick, track, start, stop, 0xFF, kind)
    counters[N_CONDUCTOR] += 1
    return Tables(tables.tracks, tables.marks, conductor, tables.others, tables.setup, tables.problems)


@helper
def lend(
    tables: Any, counters: Any, tick: int, track: int, start: int, stop: int, status: int, channel: int
) -> Any:
    """Remember an event that ``context="full"`` takes to other tracks; returns the tables."""
    row = counters[N_OTHERS]
    others = room(tables.others, row)
    fill_event(others, row, tick, track, start, stop, status, channel)
    counters[N_OTHERS] += 1
    return Tables(tables.tracks, tables.marks, tables.conductor, others, tables.setup, tables.problems)


@helper
def conductor_kind(data: Any, work: Any, kind: int, start: int, body: int, length: int) -> int:
    """Which conductor event a meta event is, its problems counted; NOTHING where it is none."""
    if kind == 0x51:
        if length != 3:
            found(work, problems.TEMPO_LENGTH, start)
            return NOTHING
        if data[body] == 0 and data[body + 1] == 0 and data[body + 2] == 0:
            found(work, problems.TEMPO_ZERO, start)
        return TEMPO
    if kind == 0x58:
        if length != 4:
            found(work, problems.TIME_SIGNATURE_LENGTH, start)
            return NOTHING
        if data[body] == 0 or data[body + 1] > 7:
            found(work, problems.TIME_SIGNATURE_VALUE, start)
        return TIME_SIGNATURE
    if kind == 0x59:
        if length != 2:
            found(work, problems.KEY_SIGNATURE_LENGTH, start)
            return NOTHING
        if 7 < data[body] < 249 or data[body + 1] > 1:
            found(work, problems.KEY_SIGNATURE_VALUE, start)
        return KEY_SIGNATURE
    if kind == 0x54:
        if length != 5:
            found(work, problems.SMPTE_OFFSET_LENGTH, start)
            return NOTHING
        return SMPTE_OFFSET
    return NOTHING


@helper
def has_text(data: Any, start: int, stop: int) -> bool:
    """Whether a text holds more than blanks and control characters."""
    for at in range(start, stop):
        if data[at] > 0x20:
            return True
    return False


@helper
def scan(data: Any, body: int, limit: int, track: int, full: bool, tables: Any, work: Any, counters: Any) -> Any:
    """Scan the events from ``body`` to the end of track or to ``limit``; returns the tables.

    Fills the track's row and, behind it, the rows of what other tracks need. Problems are counted in
    ``work``; ``counters[N_CLEAN]`` is 0 where the scan had to stop within an event.
    """
    reset(work)
    tracks = room(tables.tracks, track)
    marks = tables.marks
    mark = counters[N_MARKS]
    tracks[track, T_MARK_FIRST] = mark
    tracks[track, T_CONDUCTOR_FIRST] = counters[N_CONDUCTOR]
    at = body
    stop = body
    end = -1
    tick = 0
    pending = 0
    running = 0
    interrupted = False
    rewrite = 0
    gs = False
    events = 0
    notes = 0
    low = 127
    high = 0
    mask = 0
    sounding = 0
    conductor_size = 0
    name = -1
    name_length = 0
    clean = 1
    while at < limit:
        start = at
        delta = data[at] & 0xFF
        at += 1
        if delta >= 0x80:
            delta, at = read_vlq(data, start, limit)
            if at < 0:
                found(work, problems.VLQ if at == TOO_LONG else problems.EVENT_TRUNCATED, start)
                clean = 0
                break
        if at >= limit:
            found(work, problems.EVENT_TRUNCATED, start)
            clean = 0
            break
        if events % MARK_EVERY == 0:
            marks = room(marks, mark)
            marks[mark, M_TICK] = tick
            marks[mark, M_POSITION] = start
            marks[mark, M_STATUS] = running
            mark += 1
        when = tick + pending + delta
        status = data[at] & 0xFF
        if status < 0xF0:
            if status < 0x80:
                if running == 0:
                    found(work, problems.NO_STATUS, start)
                    clean = 0
                    break
                status = running
                if interrupted:
                    found(work, problems.RUNNING_STATUS, start)
                    rewrite = 1
            else:
                at += 1
            kind = status >> 4
            channel = status & 15
            size = 1 if kind in (0xC, 0xD) else 2
            if at + size > limit:
                found(work, problems.EVENT_TRUNCATED, start)
                clean = 0
                break
            running = status
            interrupted = False
            first = data[at] & 0xFF
            second = data[at + 1] & 0xFF if size == 2 else 0
            if first | second > 127:
                found(work, problems.DATA_BYTE, at if first > 127 else at + 1)
                rewrite = 1
                first = min(first, 127)
                second = min(second, 127)
            if kind == 9 and second > 0:
                notes += 1
                low = min(low, first)
                high = max(high, first)
                mask |= 1 << channel
                sounding += 1
                work.active[channel * 128 + first] += 1
                play(work, channel, when, gs)
            elif kind <= 9:
                if work.active[channel * 128 + first] > 0:
                    work.active[channel * 128 + first] -= 1
                    sounding -= 1
            else:
                if kind == 0xC:
                    work.channels[channel, C_PROGRAM] = first
                    tables = selects(tables, counters, when, S_PROGRAM * 16 + channel, first)
                elif kind == 0xB and first == 0:
                    work.channels[channel, C_BANK] = second
                    tables = selects(tables, counters, when, S_BANK * 16 + channel, second)
                if full:
                    tables = lend(tables, counters, when, track, at, at + size, status, channel)
            at += size
        elif status == 0xFF:
            if at + 1 >= limit:
                found(work, problems.EVENT_TRUNCATED, start)
                clean = 0
                break
            kind = data[at + 1] & 0xFF
            length, text = read_vlq(data, at + 2, limit)
            if text < 0 or text + length > limit:
                found(work, problems.VLQ if text == TOO_LONG else problems.EVENT_TRUNCATED, start)
                clean = 0
                break
            interrupted = True
            if kind == 0x2F:
                if length > 0:
                    found(work, problems.END_OF_TRACK_LENGTH, start)
                end = start
                tick = when
                stop = text + length
                break
            if kind == 3:
                if name < 0 and has_text(data, text, text + length):
                    name = text
                    name_length = length
            elif full and kind in (2, 6, 7):
                tables = lend(tables, counters, when, track, at, text + length, status, EVERY_CHANNEL)
            elif kind >= 0x51:
                conducts = conductor_kind(data, work, kind, start, text, length)
                if conducts >= 0:
                    tables = conduct(tables, counters, when, track, at, text + length, conducts)
                    conductor_size += 1 + text + length - at
            at = text + length
        elif status in (0xF0, 0xF7):
            length, text = read_vlq(data, at + 1, limit)
            if text < 0 or text + length > limit:
                found(work, problems.VLQ if text == TOO_LONG else problems.EVENT_TRUNCATED, start)
                clean = 0
                break
            interrupted = True
            if status == 0xF0:
                mode = part_mode(data, text, text + length)
                if mode == GS_RESET:
                    gs = True
                    counters[N_GS] += 1
                elif mode >= 0:
                    work.channels[mode >> 1, C_MODE] = mode & 1
                    tables = selects(tables, counters, when, S_MODE * 16 + (mode >> 1), mode & 1)
            if full and track == 0:
                tables = lend(tables, counters, when, track, at, text + length, status, EVERY_CHANNEL)
            at = text + length
        else:
            size = system_size(status)
            if at + 1 + size > limit:
                found(work, problems.EVENT_TRUNCATED, start)
                clean = 0
                break
            found(work, problems.SYSTEM_MESSAGE, at)
            rewrite = 1
            pending += delta
            at += 1 + size
            continue
        tick = when
        pending = 0
        stop = at
        events += 1
    if sounding > 0:
        found(work, problems.HANGING_NOTES, stop)
        work.counts[problems.HANGING_NOTES] = sounding
        work.active[:] = 0
    leading, program = lead(work, -1)
    channel = max(leading, 0) // PROGRAMS
    counters[N_MARKS] = mark
    counters[N_CLEAN] = clean
    tracks[track, T_BODY] = body
    tracks[track, T_STOP] = stop
    tracks[track, T_END] = end
    tracks[track, T_TICKS] = tick
    tracks[track, T_NOTES] = notes
    tracks[track, T_LOW] = low
    tracks[track, T_HIGH] = high
    tracks[track, T_CHANNELS] = mask
    tracks[track, T_REWRITE] = rewrite
    tracks[track, T_MARK_LAST] = mark
    tracks[track, T_CONDUCTOR_LAST] = counters[N_CONDUCTOR]
    tracks[track, T_CONDUCTOR_SIZE] = conductor_size
    tracks[track, T_LEAD_CHANNEL] = channel
    tracks[track, T_LEAD_PROGRAM] = max(leading, 0) % PROGRAMS
    tracks[track, T_PROGRAM] = program
    tracks[track, T_ONSET] = work.channels[channel, C_ONSET]
    tracks[track, T_DRUMS] = work.channels[channel, C_DRUMS]
    tracks[track, T_NAME] = name
    tracks[track, T_NAME_LENGTH] = name_length
    return Tables(tracks, marks, tables.conductor, tables.others, tables.setup, tables.problems)
