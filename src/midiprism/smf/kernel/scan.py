"""One scan over the events of one track: where it ends, what plays, and what other tracks need of it."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.buffers import count_problem, lead_channel_and_program, reset_track_state
from midiprism.smf.kernel.fast_scan import channels_played, count_note_off, count_note_on, scan_channel_events
from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.messages import (
    GS_RESET,
    classify_conductor_event,
    has_text,
    parse_part_mode,
    system_message_size,
)
from midiprism.smf.kernel.row_fields import (
    ALL_CHANNELS,
    C_BANK,
    C_COLUMNS,
    C_DRUMS,
    C_MODE,
    C_ONSET,
    C_PROGRAM,
    CHECKPOINT_INTERVAL,
    E_KIND,
    E_LENGTH,
    E_POSITION,
    E_STATUS,
    E_TICK,
    E_TRACK,
    M_POSITION,
    M_STATUS,
    M_TICK,
    N_CLEAN,
    N_CONDUCTOR,
    N_GS,
    N_MARKS,
    N_OTHERS,
    N_SETUP,
    PROGRAM_SLOTS,
    S_KEY,
    S_TICK,
    S_VALUE,
    SETUP_BANK,
    SETUP_PART_MODE,
    SETUP_PROGRAM,
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
from midiprism.smf.kernel.varlen import VLQ_TOO_LONG, read_vlq


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


@bounds_checked_by_hand
def scan_events(
    data: Any,
    body: int,
    limit: int,
    track: int,
    full_context: bool,
    row: Any,
    checkpoints: Any,
    conductor_events: Any,
    context_events: Any,
    setup: Any,
    track_state: Any,
    counters: Any,
) -> bool:
    """Scan the events from ``body`` to the end of track or to ``limit``.

    Fills the track's row and, behind the rows that ``counters`` names, those of what other tracks need.
    Problems are counted in ``work``; ``counters[N_CLEAN]`` is 0 where the scan had to stop within an event.

    Returns:
        Whether the tables had room; where not, nothing counts.
    """
    reset_track_state(track_state)
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
            at, tick, running, events, mark = scan_channel_events(
                data, at, limit, tick, running, events, full_context, checkpoints, mark, track_state
            )
            if events > before:
                stop = at
            if at >= limit:
                break
        start = at
        delta = data[unsigned_index(at)] & 0xFF
        at += 1
        if delta >= 0x80:
            if at < limit and data[unsigned_index(at)] < 0x80:
                delta = (delta & 0x7F) << 7 | data[unsigned_index(at)] & 0xFF
                at += 1
            else:
                delta, at = read_vlq(data, start, limit)
                if at < 0:
                    broken = problems.VLQ if at == VLQ_TOO_LONG else problems.EVENT_TRUNCATED
                    break
        if at >= limit:
            broken = problems.EVENT_TRUNCATED
            break
        if events & (CHECKPOINT_INTERVAL - 1) == 0 and events != marked:
            marked = events
            if mark == checkpoints.shape[0]:
                return False
            checkpoints[mark, M_TICK] = tick
            checkpoints[mark, M_POSITION] = start
            checkpoints[mark, M_STATUS] = running
            mark += 1
        when = tick + pending + delta
        status = data[unsigned_index(at)] & 0xFF
        if status < 0xF0:
            if status < 0x80 and interrupted:
                if running == 0:
                    broken = problems.NO_STATUS
                    break
                count_problem(track_state, problems.RUNNING_STATUS, start)
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
            first = data[unsigned_index(at)] & 0xFF
            second = data[unsigned_index(at + 1)] & 0xFF if size == 2 else 0
            if first | second > 127:
                count_problem(track_state, problems.DATA_BYTE, at if first > 127 else at + 1)
                rewrite = 1
                first = min(first, 127)
                second = min(second, 127)
            if kind == 9 and second > 0:
                count_note_on(track_state, channel, first, when)
            elif kind <= 9:
                count_note_off(track_state, channel, first)
            else:
                if kind == 0xC or (kind == 0xB and first == 0):
                    if selected == setup.shape[0]:
                        return False
                    if kind == 0xC:
                        track_state[W_CHANNELS + channel * C_COLUMNS + C_PROGRAM] = first
                        fill_setup(setup, selected, when, SETUP_PROGRAM * 16 + channel, first)
                    else:
                        track_state[W_CHANNELS + channel * C_COLUMNS + C_BANK] = second
                        fill_setup(setup, selected, when, SETUP_BANK * 16 + channel, second)
                    selected += 1
                if full_context:
                    if lent == context_events.shape[0]:
                        return False
                    fill_event(context_events, lent, when, track, at, at + size, status, channel)
                    lent += 1
            at += size
        elif status == 0xFF or status == 0xF0 or status == 0xF7:
            text = at + (2 if status == 0xFF else 1)
            if text >= limit:
                broken = problems.EVENT_TRUNCATED
                break
            length, text = read_vlq(data, text, limit)
            if text < 0 or text + length > limit:
                broken = problems.VLQ if text == VLQ_TOO_LONG else problems.EVENT_TRUNCATED
                break
            after = text + length
            interrupted = True
            lends = False
            if status == 0xFF:
                kind = data[unsigned_index(at + 1)] & 0xFF
                if kind == 0x2F:
                    if length > 0:
                        count_problem(track_state, problems.END_OF_TRACK_LENGTH, start)
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
                    conducts = classify_conductor_event(data, track_state, kind, start, text, length)
                    if conducts >= 0:
                        if ruling == conductor_events.shape[0]:
                            return False
                        fill_event(conductor_events, ruling, when, track, at, after, status, conducts)
                        ruling += 1
                        conductor_size += 1 + after - at
            else:
                lends = track == 0
                if status == 0xF0:
                    mode = parse_part_mode(data, text, after)
                    if mode == GS_RESET:
                        track_state[W_GS] = 1
                        counters[N_GS] += 1
                    elif mode >= 0:
                        if selected == setup.shape[0]:
                            return False
                        track_state[W_CHANNELS + (mode >> 1) * C_COLUMNS + C_MODE] = mode & 1
                        fill_setup(setup, selected, when, SETUP_PART_MODE * 16 + (mode >> 1), mode & 1)
                        selected += 1
            if full_context and lends:
                if lent == context_events.shape[0]:
                    return False
                fill_event(context_events, lent, when, track, at, after, status, ALL_CHANNELS)
                lent += 1
            at = after
        else:
            size = system_message_size(status)
            if at + 1 + size > limit:
                broken = problems.EVENT_TRUNCATED
                break
            count_problem(track_state, problems.SYSTEM_MESSAGE, at)
            rewrite = 1
            pending += delta
            at += 1 + size
            continue
        tick = when
        pending = 0
        stop = at
        events += 1
    if broken >= 0:
        count_problem(track_state, broken, start)
    sounding = track_state[W_SOUNDING]
    if sounding > 0:
        count_problem(track_state, problems.HANGING_NOTES, stop)
        track_state[W_COUNTS + problems.HANGING_NOTES] = sounding
        for key in range(W_ACTIVE, W_ACTIVE + 2048):
            track_state[key] = 0
    key, program = lead_channel_and_program(track_state, ZERO - 1)
    key = max(key, 0)
    channel = key // PROGRAM_SLOTS
    counters[N_MARKS] = mark
    counters[N_CONDUCTOR] = ruling
    counters[N_OTHERS] = lent
    counters[N_SETUP] = selected
    counters[N_CLEAN] = broken < 0
    row[T_BODY] = body
    row[T_STOP] = stop
    row[T_END] = end
    row[T_TICKS] = tick
    row[T_NOTES] = track_state[W_NOTES]
    row[T_LOW] = track_state[W_LOW]
    row[T_HIGH] = track_state[W_HIGH]
    row[T_CHANNELS] = channels_played(track_state)
    row[T_REWRITE] = rewrite
    row[T_MARK_LAST] = mark
    row[T_CONDUCTOR_LAST] = ruling
    row[T_CONDUCTOR_SIZE] = conductor_size
    row[T_LEAD_CHANNEL] = channel
    row[T_LEAD_PROGRAM] = key % PROGRAM_SLOTS
    row[T_PROGRAM] = program
    row[T_ONSET] = track_state[W_CHANNELS + channel * C_COLUMNS + C_ONSET]
    row[T_DRUMS] = track_state[W_CHANNELS + channel * C_COLUMNS + C_DRUMS]
    row[T_NAME] = name
    row[T_NAME_LENGTH] = name_length
    return True
