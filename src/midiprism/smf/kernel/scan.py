"""One scan over the events of one track: where it ends, what plays, and what other tracks need of it."""

from typing import Any, NamedTuple

from midiprism.smf import problems
from midiprism.smf.kernel.channel_context import merged_size
from midiprism.smf.kernel.fast_scan import count_note_off, count_note_on, scan_channel_events
from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.messages import (
    MODULE_RESET,
    classify_conductor_event,
    collect_sysex,
    has_text,
    is_beyond_ascii,
    parse_sound_message,
    system_message_size,
)
from midiprism.smf.kernel.ports import NO_PORT, PORT_NUMBER, state_port, states_port
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import (
    ALL_CHANNELS,
    CHECKPOINT_INTERVAL,
    SETUP_BANK,
    SETUP_MODULE,
    SETUP_PART_MODE,
    SETUP_PROGRAM,
)
from midiprism.smf.kernel.sounds import (
    IS_SETUP_CONTROLLER,
    apply_controller,
    apply_program,
    apply_sound_message,
    channels_set_by,
    configures_zone,
)
from midiprism.smf.kernel.track_rows import begin_track_row, finish_track_row
from midiprism.smf.kernel.track_state import end_channel_notes, ends_all_notes, reset_track_state
from midiprism.smf.kernel.varlen import VLQ_TOO_LONG, read_vlq

END_OF_TRACK = 0x2F
TRACK_NAME, INSTRUMENT_NAME, PROGRAM_NAME = 3, 4, 8
LAST_TEXT = 9
CHANNEL_PREFIX = 0x20
SONG_TEXTS = (2, 6, 7)
"""Meta events that concern the whole song: copyright, marker, cue point."""


class SystemEvent(NamedTuple):
    """A meta event or sysex: the start of its delta time and of itself, and the span of its data.

    ``channel`` is that of the channel prefix in force, or ALL_CHANNELS.
    """

    start: Any
    position: Any
    body: Any
    stop: Any
    tick: Any
    status: Any
    channel: Any


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
def scan_setup_event(
    tables: Any, states: Any, state: Any, counters: Any, tick: int, status: int, first: int, second: int
) -> bool:
    """Apply a program change or a controller that selects sounds; return False where the table is full."""
    channel = status & 15
    if status >> 4 == 0xC:
        apply_program(state, channel, first)
        kind, value = SETUP_PROGRAM, first
    else:
        apply_controller(state, channel, first, second)
        if first > 0:
            return True
        kind, value = SETUP_BANK, second
    key = (kind * states.shape[0] + state.port) * 16
    begin, end = channels_set_by(state, channel)
    for member in range(begin, end):
        if not record_setup(tables.setup, counters, tick, key + member, value):
            return False
    return True


@inlined
def scan_text(
    data: Any, event: Any, meta_type: int, track: int, texts: Any, source: Any, counters: Any
) -> bool:
    """Record a text that names something or is not ASCII; return False where the table is full."""
    is_name = meta_type in (INSTRUMENT_NAME, PROGRAM_NAME)
    if meta_type == TRACK_NAME:
        is_name = event.channel != ALL_CHANNELS
        if not is_name and source.name_start < 0 and has_text(data, event.body, event.stop):
            source.name_start = event.body
            source.name_size = event.stop - event.body
    if (is_name and has_text(data, event.body, event.stop)) or is_beyond_ascii(data, event.body, event.stop):
        if counters.texts == counters.max_events:
            return True
        if counters.texts == texts.shape[0]:
            return False
        row = texts[counters.texts]
        row.track = track
        row.kind = meta_type
        row.channel = event.channel
        row.start = event.body
        row.size = event.stop - event.body
        counters.texts += 1
    return True


@inlined
def scan_meta_event(
    data: Any, event: Any, track: int, tables: Any, source: Any, state: Any, counters: Any
) -> bool:
    """Record a track name or a conductor event; return False where the table is full."""
    meta_type = data[unsigned_index(event.position + 1)] & 0xFF
    size = event.stop - event.body
    if meta_type <= LAST_TEXT:
        return scan_text(data, event, meta_type, track, tables.texts, source, counters)
    if meta_type >= 0x51:
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
def scan_sysex(data: Any, event: Any, track: int, setup: Any, states: Any, state: Any, counters: Any) -> bool:
    """Record a sysex that sets drum parts or resets the module; return False where the table is full.

    That of the first track goes to every port.
    """
    home = states[0]
    if not collect_sysex(data, home, event.status, event.body, event.stop):
        return True
    message = parse_sound_message(home)
    if message < 0:
        return True
    home.sysex_is_open = 0
    apply_sound_message(states, message)
    ports = states.shape[0]
    for port in range(ports):
        if track == 0 or port == state.port:
            key = (SETUP_MODULE * ports + port) * 16
            value = message - MODULE_RESET
            if message < MODULE_RESET:
                key = (SETUP_PART_MODE * ports + port) * 16 + (message >> 1 & 15)
                value = message
            if not record_setup(setup, counters, event.tick, key, value):
                return False
    return True


@bounds_checked_by_hand
def scan_events(
    data: Any, body: int, limit: int, track: int, full_context: bool, tables: Any, states: Any, counters: Any
) -> bool:
    """Scan the events from ``body`` to the end of track or to ``limit``.

    Fills the track's row and, after the rows that ``counters`` names, those of what other tracks need.
    Problems are counted in the first of ``states``; ``counters.stopped_cleanly`` is 0 where the scan had to
    stop within an event.

    Returns:
        Whether the tables had room. Where not, nothing that was found counts.
    """
    reset_track_state(states)
    ports = states.shape[0]
    begin_track_row(tables, track, counters, body, ports)
    source = tables.tracks[unsigned_index(track)]
    home = states[0]
    state = states[0]
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
    prefix = ALL_CHANNELS  # channel of the texts that follow
    damage = -1
    while at < limit:
        if not interrupted and skipped_delta == 0:
            before = events
            at, tick, running, events, checkpoint_count = scan_channel_events(
                data, at, limit, tick, running, events, full_context, checkpoints, checkpoint_count, state
            )
            if events > before:
                stop = at
                prefix = ALL_CHANNELS
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
                count_problem(home, problems.RUNNING_STATUS, start)
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
            prefix = ALL_CHANNELS
            first = data[unsigned_index(at)] & 0xFF
            second = data[unsigned_index(at + 1)] & 0xFF if size == 2 else 0
            if first | second > 127:
                count_problem(home, problems.DATA_BYTE, at if first > 127 else at + 1)
                source.needs_rewrite = 1
                first = min(first, 127)
                second = min(second, 127)
            if kind == 9 and second > 0:
                count_note_on(state, status & 15, first, event_tick)
            elif kind <= 9:
                count_note_off(state, status & 15, first, event_tick)
            else:
                if kind == 0xB and ends_all_notes(first):
                    end_channel_notes(state, status & 15, event_tick)
                is_setup = kind == 0xC or (kind == 0xB and IS_SETUP_CONTROLLER[unsigned_index(first)])
                if is_setup and not scan_setup_event(
                    tables, states, state, counters, event_tick, status, first, second
                ):
                    return False
                if full_context and not (kind == 0xB and configures_zone(state, status & 15, first)):
                    if counters.context_events == context_events.shape[0]:
                        return False
                    row = context_events[unsigned_index(counters.context_events)]
                    fill_event(row, event_tick, track, at, at + size, status, state.port * 16 + (status & 15))
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
                    count_problem(home, problems.END_OF_TRACK_LENGTH, start)
                source.end_of_track = start
                tick = event_tick
                stop = text + length
                break
            if meta_type == CHANNEL_PREFIX and length == 1:
                channel = data[unsigned_index(text)] & 0xFF
                prefix = channel if channel < ALL_CHANNELS else ALL_CHANNELS
            event = SystemEvent(start, at, text, text + length, event_tick, status, prefix)
            at = text + length
            if status == 0xFF:
                concerns_song = meta_type in SONG_TEXTS
                if not scan_meta_event(data, event, track, tables, source, home, counters):
                    return False
                if states_port(meta_type):
                    port = state_port(data, tables.ports, states, counters, meta_type, event.body, event.stop)
                    if port != NO_PORT:
                        state = states[port]
                        if meta_type == PORT_NUMBER:
                            tables.port_uses[track * ports + port].is_stated = 1
                        else:
                            source.states_device = 1
            else:
                concerns_song = track == 0
                if status == 0xF7:
                    count_problem(home, problems.F7_EVENT, event.position)
                if not scan_sysex(data, event, track, tables.setup, states, state, counters):
                    return False
            if full_context and concerns_song:
                if counters.context_events == context_events.shape[0]:
                    return False
                row = context_events[unsigned_index(counters.context_events)]
                fill_event(row, event_tick, track, event.position, at, status, 16 * ports)
                counters.context_events += 1
                source.context_size += merged_size(row)
        else:
            size = system_message_size(status)
            if at + 1 + size > limit:
                damage = problems.EVENT_TRUNCATED
                break
            count_problem(home, problems.SYSTEM_MESSAGE, at)
            source.needs_rewrite = 1
            skipped_delta += delta
            at += 1 + size
            continue
        tick = event_tick
        skipped_delta = 0
        stop = at
        events += 1
    if damage >= 0:
        count_problem(home, damage, start)
    counters.checkpoints = checkpoint_count
    counters.stopped_cleanly = 1 if damage < 0 else 0
    finish_track_row(tables, track, counters, states, stop, tick)
    return True
