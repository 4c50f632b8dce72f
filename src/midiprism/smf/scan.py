"""One scan over the events of one track: where it ends, what plays, and what other tracks need of it."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.jit import inlined, proved, unsigned
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
    W_ACTIVE,
    W_CHANNELS,
    W_COUNTS,
    W_GS,
    W_HIGH,
    W_LOW,
    W_NOTES,
    W_SOUNDING,
    ZERO,
)
from midiprism.smf.messages import GS_RESET, conductor_kind, has_text, part_mode, system_size
from midiprism.smf.octets import TOO_LONG, read_vlq
from midiprism.smf.plain import begin_note, channels_played, end_note, run_of_events
from midiprism.smf.tables import found, lead, reset


@inlined
def fill_setup(setup: Any, row: int, tick: int, key: int, value: int) -> None:
    """Fill a row of what selects a sound."""
    setup[row, S_TICK] = tick
    setup[row, S_KEY] = key
    setup[row, S_VALUE] = value


@inlined
def fill_event(
    table: Any, row: int, tick: int, track: int, start: int, stop: int, status: int, kind: int
) -> None:
    """Fill a row of the conductor table or of the others."""
    table[row, E_TICK] = tick
    table[row, E_TRACK] = track
    table[row, E_POSITION] = start
    table[row, E_LENGTH] = stop - start
    table[row, E_STATUS] = status
    table[row, E_KIND] = kind


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

    Fills the track's row and, behind the rows that ``counters`` names, those of what other tracks need.
    Problems are counted in ``work``; ``counters[N_CLEAN]`` is 0 where the scan had to stop within an event.

    Returns:
        Whether the tables had room; where not, nothing counts.
    """
    reset(work)
    mark, ruling, lent, selected = (
        counters[N_MARKS],
        counters[N_CONDUCTOR],
        counters[N_OTHERS],
        counters[N_SETUP],
    )
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
    marked = -1
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
        delta = data[unsigned(at)] & 0xFF
        at += 1
        if delta >= 0x80:
            if at < limit and data[unsigned(at)] < 0x80:
                delta = (delta & 0x7F) << 7 | data[unsigned(at)] & 0xFF
                at += 1
            else:
                delta, at = read_vlq(data, start, limit)
                if at < 0:
                    broken = problems.VLQ if at == TOO_LONG else problems.EVENT_TRUNCATED
                    break
        if at >= limit:
            broken = problems.EVENT_TRUNCATED
            break
        if events & (MARK_EVERY - 1) == 0 and events != marked:
            marked = events
            if mark == marks.shape[0]:
                return False
            marks[mark, M_TICK] = tick
            marks[mark, M_POSITION] = start
            marks[mark, M_STATUS] = running
            mark += 1
        when = tick + pending + delta
        status = data[unsigned(at)] & 0xFF
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
            first = data[unsigned(at)] & 0xFF
            second = data[unsigned(at + 1)] & 0xFF if size == 2 else 0
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
                kind = data[unsigned(at + 1)] & 0xFF
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
