"""One scan over the events of one track: where it ends, what plays, and what other tracks need of it."""

from typing import Any, NamedTuple

from midiprism.smf import problems
from midiprism.smf.kernel.channel_context import merged_size
from midiprism.smf.kernel.fast_scan import count_note_off, count_note_on, scan_channel_events
from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.messages import (
    GS_RESET,
    classify_conductor_event,
    has_text,
    parse_part_mode,
    system_message_size,
)
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import (
    ALL_CHANNELS,
    ALL_CHANNELS_MASK,
    CHECKPOINT_INTERVAL,
    PROGRAM_SLOTS,
    SETUP_BANK,
    SETUP_PART_MODE,
    SETUP_PROGRAM,
    ZERO,
)
from midiprism.smf.kernel.track_state import (
    channels_played,
    clear_sounding_notes,
    lead_key_and_program,
    reset_track_state,
)
from midiprism.smf.kernel.varlen import VLQ_TOO_LONG, read_vlq

END_OF_TRACK = 0x2F
TRACK_NAME = 3
SONG_TEXTS = (2, 6, 7)
"""Meta events that concern the whole song: copyright, marker, cue point."""


class SystemEvent(NamedTuple):
    """A meta event or sysex: the start of its delta time and of itself, and the span of its data."""

    start: Any
    position: Any
    body: Any
    stop: Any
    tick: Any
    status: Any


@inlined
def record_setup(setup: Any, counters: Any, tick: int, key: int, value: int) -> bool:
    """Append a change of sound; return False where the table is full."""
    if counters.setup == setup.shape[0]:
        return False
    row = setup[counters.setup]
    row.tick = tick
    row.key = key
    row.value = value
    counters.setup += 1
    return True


@inlined
def fill_event(row: Any, tick: int, track: int, start: int, stop: int, status: int, kind: int) -> None:
    """Fill a row of conductor events or of context events."""
    row.tick = tick
    row.track = track
    row.position = start
    row.size = stop - start
    row.status = status
    row.kind = kind


@inlined
def scan_setup_event(tables: Any, state: Any, counters: Any, tick: int, status: int, value: int) -> bool:
    """Record a program change or a bank select; return False where the table is full."""
    channel = status & 15
    if status >> 4 == 0xC:
        state.channels[channel].program = value
        return record_setup(tables.setup, counters, tick, SETUP_PROGRAM * 16 + channel, value)
    state.channels[channel].bank = value
    return record_setup(tables.setup, counters, tick, SETUP_BANK * 16 + channel, value)


@inlined
def scan_meta_event(
    data: Any, event: Any, track: int, tables: Any, source: Any, state: Any, counters: Any
) -> bool:
    """Record a track name or a conductor event; return False where the table is full."""
    meta_type = data[unsigned_index(event.position + 1)] & 0xFF
    size = event.stop - event.body
    if meta_type == TRACK_NAME:
        if source.name_start < 0 and has_text(data, event.body, event.stop):
            source.name_start = event.body
            source.name_size = size
    elif meta_type >= 0x51:
        kind = classify_conductor_event(data, state, meta_type, event.start, event.body, size)
        if kind >= 0:
            if counters.conductor_events == tables.conductor_events.shape[0]:
                return False
            row = tables.conductor_events[counters.conductor_events]
            fill_event(row, event.tick, track, event.position, event.stop, event.status, kind)
            counters.conductor_events += 1
            source.conductor_size += 1 + event.stop - event.position
    return True


@inlined
def scan_sysex(data: Any, event: Any, setup: Any, state: Any, counters: Any) -> bool:
    """Record a sysex that sets drum parts; return False where the table is full."""
    mode = parse_part_mode(data, event.body, event.stop)
    if mode == GS_RESET:
        state.gs_reset_seen = 1
        counters.gs_resets += 1
    elif mode >= 0:
        state.channels[mode >> 1].part_mode = mode & 1
        return record_setup(setup, counters, event.tick, SETUP_PART_MODE * 16 + (mode >> 1), mode & 1)
    return True


@inlined
def begin_track_row(source: Any, counters: Any, body: int) -> None:
    """Fill what is known of a track before its scan."""
    source.body = body
    source.end_of_track = -1
    source.needs_rewrite = 0
    source.name_start = -1
    source.name_size = 0
    source.conductor_size = 0
    source.context_size = 0
    source.checkpoint_start = counters.checkpoints
    source.conductor_start = counters.conductor_events


@inlined
def finish_track_row(source: Any, counters: Any, state: Any, stop: int, ticks: int) -> None:
    """Fill what the scan of a track has found, and count the notes that are never ended."""
    hanging = state.sounding_count
    if hanging > 0:
        count_problem(state, problems.HANGING_NOTES, stop)
        state.problem_counts[problems.HANGING_NOTES] = hanging
        clear_sounding_notes(state)
    key, program = lead_key_and_program(state, ZERO + ALL_CHANNELS_MASK)
    key = max(key, 0)
    channel = key // PROGRAM_SLOTS
    source.stop = stop
    source.ticks = ticks
    source.note_count = state.note_count
    source.lowest_pitch = state.lowest_pitch
    source.highest_pitch = state.highest_pitch
    source.channels = channels_played(state)
    source.checkpoint_stop = counters.checkpoints
    source.conductor_stop = counters.conductor_events
    source.lead_channel = channel
    source.lead_program = key % PROGRAM_SLOTS
    source.program = program
    source.onset = state.channels[channel].onset
    source.drums = state.channels[channel].drums


@bounds_checked_by_hand
def scan_events(
    data: Any, body: int, limit: int, track: int, full_context: bool, tables: Any, state: Any, counters: Any
) -> bool:
    """Scan the events from ``body`` to the end of track or to ``limit``.

    Fills the track's row and, after the rows that ``counters`` names, those of what other tracks need.
    Problems are counted in ``state``; ``counters.stopped_cleanly`` is 0 where the scan had to stop within an
    event.

    Returns:
        Whether the tables had room. Where not, nothing that was found counts.
    """
    reset_track_state(state)
    source = tables.tracks[unsigned_index(track)]
    begin_track_row(source, counters, body)
    checkpoints, checkpoint_count = tables.checkpoints, counters.checkpoints
    context_events = tables.context_events
    at = body
    start = body
    stop = body
    tick = 0
    skipped_delta = 0  # delta times of system messages that were skipped
    running = 0
    interrupted = True  # running status would have to reach across something, or has not begun
    events = 0
    events_at_checkpoint = -1
    damage = -1
    while at < limit:
        if not interrupted and skipped_delta == 0:
            before = events
            at, tick, running, events, checkpoint_count = scan_channel_events(
                data, at, limit, tick, running, events, full_context, checkpoints, checkpoint_count, state
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
                    damage = problems.VLQ if at == VLQ_TOO_LONG else problems.EVENT_TRUNCATED
                    break
        if at >= limit:
            damage = problems.EVENT_TRUNCATED
            break
        if events & (CHECKPOINT_INTERVAL - 1) == 0 and events != events_at_checkpoint:
            events_at_checkpoint = events
            if checkpoint_count == checkpoints.shape[0]:
                return False
            checkpoint = checkpoints[unsigned_index(checkpoint_count)]
            checkpoint.tick = tick
            checkpoint.position = start
            checkpoint.running_status = running
            checkpoint_count += 1
        event_tick = tick + skipped_delta + delta
        status = data[unsigned_index(at)] & 0xFF
        if status < 0xF0:
            if status < 0x80 and interrupted:
                if running == 0:
                    damage = problems.NO_STATUS
                    break
                count_problem(state, problems.RUNNING_STATUS, start)
                source.needs_rewrite = 1
            at += status >> 7
            status = running if status < 0x80 else status
            kind = status >> 4
            size = 1 if kind == 0xC or kind == 0xD else 2
            if at + size > limit:
                damage = problems.EVENT_TRUNCATED
                break
            running = status
            interrupted = False
            first = data[unsigned_index(at)] & 0xFF
            second = data[unsigned_index(at + 1)] & 0xFF if size == 2 else 0
            if first | second > 127:
                count_problem(state, problems.DATA_BYTE, at if first > 127 else at + 1)
                source.needs_rewrite = 1
                first = min(first, 127)
                second = min(second, 127)
            if kind == 9 and second > 0:
                count_note_on(state, status & 15, first, event_tick)
            elif kind <= 9:
                count_note_off(state, status & 15, first)
            else:
                if kind == 0xC or (kind == 0xB and first == 0):
                    value = first if kind == 0xC else second
                    if not scan_setup_event(tables, state, counters, event_tick, status, value):
                        return False
                if full_context:
                    if counters.context_events == context_events.shape[0]:
                        return False
                    row = context_events[unsigned_index(counters.context_events)]
                    fill_event(row, event_tick, track, at, at + size, status, status & 15)
                    counters.context_events += 1
                    source.context_size += merged_size(row)
            at += size
        elif status == 0xFF or status == 0xF0 or status == 0xF7:
            text = at + (2 if status == 0xFF else 1)
            if text >= limit:
                damage = problems.EVENT_TRUNCATED
                break
            length, text = read_vlq(data, text, limit)
            if text < 0 or text + length > limit:
                damage = problems.VLQ if text == VLQ_TOO_LONG else problems.EVENT_TRUNCATED
                break
            interrupted = True
            meta_type = data[unsigned_index(at + 1)] & 0xFF if status == 0xFF else -1
            if meta_type == END_OF_TRACK:
                if length > 0:
                    count_problem(state, problems.END_OF_TRACK_LENGTH, start)
                source.end_of_track = start
                tick = event_tick
                stop = text + length
                break
            event = SystemEvent(start, at, text, text + length, event_tick, status)
            at = text + length
            if status == 0xFF:
                concerns_song = meta_type in SONG_TEXTS
                if not scan_meta_event(data, event, track, tables, source, state, counters):
                    return False
            else:
                concerns_song = track == 0
                if status == 0xF0 and not scan_sysex(data, event, tables.setup, state, counters):
                    return False
            if full_context and concerns_song:
                if counters.context_events == context_events.shape[0]:
                    return False
                row = context_events[unsigned_index(counters.context_events)]
                fill_event(row, event_tick, track, event.position, at, status, ALL_CHANNELS)
                counters.context_events += 1
                source.context_size += merged_size(row)
        else:
            size = system_message_size(status)
            if at + 1 + size > limit:
                damage = problems.EVENT_TRUNCATED
                break
            count_problem(state, problems.SYSTEM_MESSAGE, at)
            source.needs_rewrite = 1
            skipped_delta += delta
            at += 1 + size
            continue
        tick = event_tick
        skipped_delta = 0
        stop = at
        events += 1
    if damage >= 0:
        count_problem(state, damage, start)
    counters.checkpoints = checkpoint_count
    counters.stopped_cleanly = 1 if damage < 0 else 0
    finish_track_row(source, counters, state, stop, tick)
    return True
