"""One scan over the events of one track: where it ends, what plays, and what other tracks need of it."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.jit import helper, inlined, proved
from midiprism.smf.layout import (
    C_BANK,
    C_COLUMNS,
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
    LONGEST_PLAIN,
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
    W_ACTIVE,
    W_CHANNELS,
    W_COUNTS,
    W_GS,
    W_HIGH,
    W_KEYS,
    W_LOW,
    W_NOTES,
    W_PLAYED,
    W_PLAYS,
    W_SOUNDING,
    ZERO,
)
from midiprism.smf.octets import TOO_LONG, read_vlq
from midiprism.smf.tables import first_play, found, lead, play, reset

GS_RESET = -2
NOTHING = -1


@inlined
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


@inlined
def fill_setup(setup: Any, row: int, tick: int, key: int, value: int) -> None:
    """Fill a row of what selects a sound."""
    setup[row, S_TICK] = tick
    setup[row, S_KEY] = key
    setup[row, S_VALUE] = value


@inlined
def fill_event(table: Any, row: int, tick: int, track: int, start: int, stop: int, status: int, kind: int) -> None:
    """Fill a row of the conductor table or of the others."""
    table[row, E_TICK] = tick
    table[row, E_TRACK] = track
    table[row, E_POSITION] = start
    table[row, E_LENGTH] = stop - start
    table[row, E_STATUS] = status
    table[row, E_KIND] = kind


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


@inlined
def has_text(data: Any, start: int, stop: int) -> bool:
    """Whether a text holds more than blanks and control characters."""
    for at in range(start, stop):
        if data[at] > 0x20:
            return True
    return False


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
    data: Any, at: int, limit: int, tick: int, running: int, events: int, notes_only: bool, marks: Any, mark: int, work: Any
) -> tuple[int, int, int, int, int]:
    """Scan the plain channel events that come next: all but program changes and bank selects.

    Most events of most files are such. Stops before the first that is anything else, or that needs a closer look,
    and a little before ``limit``.

    Returns:
        The position and tick that were reached, the running status, the events and the marks so far.
    """
    notes = 0
    low, high = work[W_LOW], work[W_HIGH]
    sounding = work[W_SOUNDING]
    voice_channel = -1
    voice = 0
    while at + LONGEST_PLAIN <= limit:
        start = at
        delta = data[at] & 0xFF
        at += 1
        if delta >= 0x80:
            delta = (delta & 0x7F) << 7 | data[at] & 0x7F
            if data[at] >= 0x80:
                at = start
                break
            at += 1
        status = data[at] & 0xFF
        if status < 0x80:
            status = running
        else:
            at += 1
        kind = status >> 4
        first = data[at] & 0xFF
        second = data[at + 1] & 0xFF
        if kind <= 9 and first | second < 0x80:
            slot = W_ACTIVE + ((status & 15) << 7 | first)
            at += 2
            if kind == 9 and second > 0:
                channel = status & 15
                if channel != voice_channel:
                    voice_channel = channel
                    voice = W_PLAYS + channel * PROGRAMS + work[W_CHANNELS + channel * C_COLUMNS + C_PROGRAM]
                    if work[voice] == 0:
                        first_play(work, channel, voice - W_PLAYS, tick + delta)
                notes += 1
                low = min(low, first)
                high = max(high, first)
                sounding += 1
                work[slot] += 1
                work[voice] += 1
            elif work[slot] > 0:
                work[slot] -= 1
                sounding -= 1
        elif notes_only or kind == 0xC or kind == 0xF or first >= 0x80 or (kind == 0xB and first == 0):
            at = start
            break
        elif kind == 0xD:
            at += 1
        elif second < 0x80:
            at += 2
        else:
            at = start
            break
        if events & (MARK_EVERY - 1) == 0:
            if mark == marks.shape[0]:
                at = start
                break
            marks[mark, M_TICK] = tick
            marks[mark, M_POSITION] = start
            marks[mark, M_STATUS] = running
            mark += 1
        running = status
        tick += delta
        events += 1
    work[W_NOTES] += notes
    work[W_LOW] = low
    work[W_HIGH] = high
    work[W_SOUNDING] = sounding
    return at, tick, running, events, mark


@proved
def scan(
    data: Any,
    body: int,
    limit: int,
    track: int,
    full: bool,
    row: Any,
    marks: Any,
    conductor: Any,
    others: Any,
    setup: Any,
    work: Any,
    counters: Any,
) -> bool:
    """Scan the events from ``body`` to the end of track or to ``limit``.

    Fills the track's row and, behind the rows that ``counters`` names, those of what other tracks need. Problems
    are counted in ``work``; ``counters[N_CLEAN]`` is 0 where the scan had to stop within an event.

    Returns:
        Whether the tables had room; where not, nothing counts.
    """
    reset(work)
    mark, ruling, lent, selected = counters[N_MARKS], counters[N_CONDUCTOR], counters[N_OTHERS], counters[N_SETUP]
    row[T_MARK_FIRST] = mark
    row[T_CONDUCTOR_FIRST] = ruling
    at = body
    stop = body
    end = -1
    tick = 0
    pending = 0
    running = 0
    interrupted = True  # running status would have to reach across something, or has not begun
    rewrite = 0
    events = 0
    conductor_size = 0
    name = -1
    name_length = 0
    broken = -1
    while at < limit:
        if not interrupted and pending == 0:
            before = events
            at, tick, running, events, mark = run_of_events(
                data, at, limit, tick, running, events, full, marks, mark, work
            )
            if events > before:
                stop = at
            if at >= limit:
                break
        start = at
        delta = data[at] & 0xFF
        at += 1
        if delta >= 0x80:
            if at < limit and data[at] < 0x80:
                delta = (delta & 0x7F) << 7 | data[at] & 0xFF
                at += 1
            else:
                delta, at = read_vlq(data, start, limit)
                if at < 0:
                    broken = problems.VLQ if at == TOO_LONG else problems.EVENT_TRUNCATED
                    break
        if at >= limit:
            broken = problems.EVENT_TRUNCATED
            break
        if events & (MARK_EVERY - 1) == 0:
            if mark == marks.shape[0]:
                return False
            marks[mark, M_TICK] = tick
            marks[mark, M_POSITION] = start
            marks[mark, M_STATUS] = running
            mark += 1
        when = tick + pending + delta
        status = data[at] & 0xFF
        if status < 0xF0:
            if status < 0x80 and interrupted:
                if running == 0:
                    broken = problems.NO_STATUS
                    break
                found(work, problems.RUNNING_STATUS, start)
                rewrite = 1
            at += status >> 7
            status = running if status < 0x80 else status
            kind = status >> 4
            channel = status & 15
            size = 1 if kind == 0xC or kind == 0xD else 2
            if at + size > limit:
                broken = problems.EVENT_TRUNCATED
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
                begin_note(work, channel, first, when)
            elif kind <= 9:
                end_note(work, channel, first)
            else:
                if kind == 0xC or (kind == 0xB and first == 0):
                    if selected == setup.shape[0]:
                        return False
                    if kind == 0xC:
                        work[W_CHANNELS + channel * C_COLUMNS + C_PROGRAM] = first
                        fill_setup(setup, selected, when, S_PROGRAM * 16 + channel, first)
                    else:
                        work[W_CHANNELS + channel * C_COLUMNS + C_BANK] = second
                        fill_setup(setup, selected, when, S_BANK * 16 + channel, second)
                    selected += 1
                if full:
                    if lent == others.shape[0]:
                        return False
                    fill_event(others, lent, when, track, at, at + size, status, channel)
                    lent += 1
            at += size
        elif status == 0xFF or status == 0xF0 or status == 0xF7:
            text = at + (2 if status == 0xFF else 1)
            if text >= limit:
                broken = problems.EVENT_TRUNCATED
                break
            length, text = read_vlq(data, text, limit)
            if text < 0 or text + length > limit:
                broken = problems.VLQ if text == TOO_LONG else problems.EVENT_TRUNCATED
                break
            after = text + length
            interrupted = True
            lends = False
            if status == 0xFF:
                kind = data[at + 1] & 0xFF
                if kind == 0x2F:
                    if length > 0:
                        found(work, problems.END_OF_TRACK_LENGTH, start)
                    end = start
                    tick = when
                    stop = after
                    break
                lends = kind == 2 or kind == 6 or kind == 7
                if kind == 3:
                    if name < 0 and has_text(data, text, after):
                        name = text
                        name_length = length
                elif kind >= 0x51:
                    conducts = conductor_kind(data, work, kind, start, text, length)
                    if conducts >= 0:
                        if ruling == conductor.shape[0]:
                            return False
                        fill_event(conductor, ruling, when, track, at, after, status, conducts)
                        ruling += 1
                        conductor_size += 1 + after - at
            else:
                lends = track == 0
                if status == 0xF0:
                    mode = part_mode(data, text, after)
                    if mode == GS_RESET:
                        work[W_GS] = 1
                        counters[N_GS] += 1
                    elif mode >= 0:
                        if selected == setup.shape[0]:
                            return False
                        work[W_CHANNELS + (mode >> 1) * C_COLUMNS + C_MODE] = mode & 1
                        fill_setup(setup, selected, when, S_MODE * 16 + (mode >> 1), mode & 1)
                        selected += 1
            if full and lends:
                if lent == others.shape[0]:
                    return False
                fill_event(others, lent, when, track, at, after, status, EVERY_CHANNEL)
                lent += 1
            at = after
        else:
            size = system_size(status)
            if at + 1 + size > limit:
                broken = problems.EVENT_TRUNCATED
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
    if broken >= 0:
        found(work, broken, start)
    sounding = work[W_SOUNDING]
    if sounding > 0:
        found(work, problems.HANGING_NOTES, stop)
        work[W_COUNTS + problems.HANGING_NOTES] = sounding
        for key in range(W_ACTIVE, W_ACTIVE + 2048):
            work[key] = 0
    key, program = lead(work, ZERO - 1)
    key = max(key, 0)
    channel = key // PROGRAMS
    counters[N_MARKS] = mark
    counters[N_CONDUCTOR] = ruling
    counters[N_OTHERS] = lent
    counters[N_SETUP] = selected
    counters[N_CLEAN] = broken < 0
    row[T_BODY] = body
    row[T_STOP] = stop
    row[T_END] = end
    row[T_TICKS] = tick
    row[T_NOTES] = work[W_NOTES]
    row[T_LOW] = work[W_LOW]
    row[T_HIGH] = work[W_HIGH]
    row[T_CHANNELS] = channels_played(work)
    row[T_REWRITE] = rewrite
    row[T_MARK_LAST] = mark
    row[T_CONDUCTOR_LAST] = ruling
    row[T_CONDUCTOR_SIZE] = conductor_size
    row[T_LEAD_CHANNEL] = channel
    row[T_LEAD_PROGRAM] = key % PROGRAMS
    row[T_PROGRAM] = program
    row[T_ONSET] = work[W_CHANNELS + channel * C_COLUMNS + C_ONSET]
    row[T_DRUMS] = work[W_CHANNELS + channel * C_COLUMNS + C_DRUMS]
    row[T_NAME] = name
    row[T_NAME_LENGTH] = name_length
    return True
