"""The walk that writes event by event: a track divided into parts, repaired, or with any events merged in.

It takes up to three passes: ``PASS_ASSIGN`` (by program or drum piece) finds the parts, ``PASS_MEASURE``
their sizes and facts, ``PASS_WRITE`` writes them.
"""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf import problems
from midiprism.smf.kernel.fast_write import count_part_note, write_channel_events
from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.messages import collect_sysex, parse_sound_message, system_message_size
from midiprism.smf.kernel.note_counts import begin_note_of_part, end_note_of_part, end_notes_of_address
from midiprism.smf.kernel.part_writer import (
    TrackEvent,
    can_state_port,
    write_event,
    write_missing_end_of_track,
    write_port_of_event,
)
from midiprism.smf.kernel.parts import (
    NO_PART,
    new_sounding_notes,
    pop_note,
    push_note,
    record_part_program,
)
from midiprism.smf.kernel.ports import NO_PORT, state_port, states_port
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import (
    BY_DRUM,
    BY_PROGRAM,
    BY_TRACK,
    CHAIN_BROKEN,
    KEYS,
    NO_LIMIT,
    PASS_ASSIGN,
    PASS_MEASURE,
    PASS_WRITE,
    PITCHES,
    PROGRAM_SLOTS,
    ZERO,
)
from midiprism.smf.kernel.sounds import (
    IS_SETUP_CONTROLLER,
    apply_controller,
    apply_program,
    apply_sound_message,
)
from midiprism.smf.kernel.stated_meta import comes_first
from midiprism.smf.kernel.track_state import count_note_by_program, ends_all_notes, reset_track_state
from midiprism.smf.kernel.varlen import read_vlq


@inlined
def decode_event(data: Any, at: int, stop: int, running_status: int) -> tuple[int, int, int, int, int, bool]:
    """Return the next event of a scanned track, and skip the system messages before it.

    Returns its delta time (plus those of the skipped messages), the position of its status or first data
    byte, its status, where its bytes begin (after the status of a channel event) and end, and whether
    anything was skipped.
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


@borrowing_helper
def apply_sysex(data: Any, status: int, start: int, stop: int, states: Any) -> None:
    """Do what a packet of a sysex does to sounds."""
    _, body = read_vlq(data, start + 1, stop)
    if collect_sysex(data, states[0], status, body, stop):
        message = parse_sound_message(states[0])
        if message >= 0:
            states[0].sysex_is_open = 0
            apply_sound_message(states, message)


class WalkTables(NamedTuple):
    """What a pass over a track keeps besides the state of its ports.

    ``sounding`` has the part of each note that sounds, where a track is divided by program. ``note_counts``
    are the notes that sound in each part while it is measured, by slot. ``change_keys`` has a row for each
    program change, of ``PASS_ASSIGN``; ``unplayed_change`` is the row of an address's program change before
    any note.
    """

    sounding: Any
    note_counts: Any
    change_keys: Any
    unplayed_change: Any


@helper
def walk_track(
    song: Any,
    out: Any,
    track: int,
    merged_events: Any,
    parts: Any,
    states: Any,
    walk_pass: int,
    max_bytes: int,
) -> Any:
    """Take one pass over a track and the events merged into it.

    Returns the bytes of all events, or -1 once they exceed ``max_bytes``; and in the pass ``PASS_ASSIGN`` the
    keys to whose parts the program changes go, as ``make_program_parts`` takes them.
    """
    source = song.tables.tracks[track]
    by = source.by
    playing_ports = 0
    for port in range(states.shape[0]):
        playing_ports = max(playing_ports, parts.playing_ports[port] + 1)
    slots = 0
    if by in (BY_PROGRAM, BY_DRUM) and walk_pass == PASS_MEASURE:
        slots = (parts.rows.shape[0] if by == BY_PROGRAM else 16 * playing_ports) * PITCHES
    # Every program change of any track is in the setup table.
    change_keys = np.empty(song.counters.setup if walk_pass == PASS_ASSIGN else 0, np.int64)
    tables = WalkTables(
        new_sounding_notes(by, playing_ports, source.note_count),
        np.zeros(slots, np.int64),
        change_keys,
        np.full(16 * states.shape[0], NO_PART, np.int64),
    )
    total, changes = walk_events(song, out, track, merged_events, parts, tables, states, walk_pass, max_bytes)
    return total, change_keys[:changes]


@borrowing_helper
def walk_events(
    song: Any,
    out: Any,
    track: int,
    merged_events: Any,
    parts: Any,
    tables: Any,
    states: Any,
    walk_pass: int,
    max_bytes: int,
) -> tuple[int, int]:
    """Do the work of ``walk_track``; return the bytes, and the number of ``tables.change_keys`` in use."""
    reset_track_state(states)
    home = states[0]
    state = states[0]
    ports = states.shape[0]
    data = song.data
    source = song.tables.tracks[track]
    by = source.by
    switches_ports = ports > 1 and song.options.full_context
    divides_channels = by in (BY_PROGRAM, BY_DRUM)
    takes_fast_path = not divides_channels and not song.options.event_by_event and not switches_ports
    stop, end_of_track = source.stop, source.end_of_track
    part_count = parts.rows.shape[0]
    writing = walk_pass == PASS_WRITE
    counts_notes = divides_channels and walk_pass == PASS_MEASURE
    sounding, note_counts = tables.sounding, tables.note_counts
    change_keys, unplayed_change = tables.change_keys, tables.unplayed_change
    changes = 0
    total = 0
    at = source.body
    tick = ZERO
    running = ZERO
    number = ZERO - 1
    merged = 0
    ended = False
    is_own = True
    own_tick, own_message, own_status, own_start, own_stop, own_delta_start = 0, 0, 0, 0, 0, 0
    while not ended:
        # Decode the next own event; the merged events that come before it are taken first.
        if is_own:
            if takes_fast_path:
                last_tick = NO_LIMIT
                if merged < merged_events.shape[0]:
                    last_tick = merged_events[merged].tick - (1 if merged_events[merged].track < track else 0)
                at, tick, running, number, size = write_channel_events(
                    data,
                    out,
                    parts,
                    at,
                    stop,
                    tick,
                    running,
                    number,
                    last_tick,
                    state,
                    walk_pass,
                )
                total += size
                if total > max_bytes:
                    return ZERO - 1, 0
            if at < stop:
                delta, own_message, own_status, own_start, own_stop, skipped = decode_event(
                    data, at, stop, running
                )
                own_tick = tick + delta
                own_delta_start = -1 if skipped else at
                if own_status < 0xF0:
                    running = own_status
            else:
                own_tick, own_message, own_status, own_start, own_stop, own_delta_start = (
                    source.ticks,
                    stop,
                    0xFF,
                    stop,
                    stop,
                    -1,
                )
            number += 1
        is_last = at >= stop or (end_of_track >= 0 and own_stop == stop)
        is_own = merged >= merged_events.shape[0] or not (
            is_last or comes_first(merged_events[merged], own_tick, track)
        )
        if is_own:
            event_tick, message, status, start, event_stop = (
                own_tick,
                own_message,
                own_status,
                own_start,
                own_stop,
            )
            event_number, delta_start = number, own_delta_start
            tick = own_tick
            at = own_stop
            ended = is_last
        else:
            row = merged_events[merged]
            event_tick, status, start = row.tick, row.status, row.position
            event_stop = start + row.size
            message = start - 1 if status < 0xF0 else start
            event_number, delta_start = CHAIN_BROKEN, -1
            merged += 1

        # The event goes to the parts from ``first`` up to ``last``, and is one of port ``port``.
        first, last = 0, part_count
        channel = status & 15
        kind = status >> 4
        port = state.port
        stated = NO_PORT
        if status == 0xFF:
            meta_type = 0 if is_last or not is_own else data[start + 1] & 0xFF
            if ports > 1 and states_port(meta_type):
                _, text = read_vlq(data, start + 2, event_stop)
                stated = state_port(
                    data, song.tables.ports, states, song.counters, meta_type, text, event_stop
                )
                if stated != NO_PORT:
                    state = states[stated]
        elif status >= 0xF0:
            apply_sysex(data, status, start, event_stop, states)
        else:
            if not is_own:
                port = row.kind >> 4
            sender = states[port]
            settings = sender.channels[channel]
            address = port * 16 + channel
            pitch = min(data[start] & 0xFF, 127)
            velocity = min(data[start + 1] & 0xFF, 127) if event_stop - start == 2 else 0
            first, last = parts.channel_starts[address], parts.channel_stops[address]
            if kind > 9:
                first, last = parts.event_starts[address], parts.event_stops[address]
            playing_port = parts.playing_ports[port]
            note = (playing_port * 16 + channel) * PITCHES + pitch
            if by == BY_DRUM and kind <= 0xA and playing_port >= 0 and parts.row_by_key[note] >= 0:
                first = parts.row_by_key[note]
                last = first + 1
            if kind == 0xC:
                apply_program(sender, channel, pitch)
                if walk_pass == PASS_ASSIGN:
                    change_keys[changes] = -1 - address
                    unplayed_change[address] = changes
                elif (
                    by == BY_PROGRAM
                    and last - first == parts.channel_stops[address] - parts.channel_starts[address]
                ):
                    first = parts.program_change_parts[changes]
                    last = first + 1 if first >= 0 else first
                changes += 1
            elif kind == 0xB:
                if IS_SETUP_CONTROLLER[pitch]:
                    apply_controller(sender, channel, pitch, velocity)
                if counts_notes and is_own and playing_port >= 0 and ends_all_notes(pitch):
                    end_notes_of_address(parts, by, note_counts, address, note - pitch, event_tick)
            elif kind == 9 and velocity > 0:
                count_note_by_program(sender, channel, event_tick)
                key = port * KEYS + channel * PROGRAM_SLOTS + settings.program
                if walk_pass == PASS_ASSIGN:
                    if by == BY_DRUM:
                        sender.notes_played[channel * PITCHES + pitch] = 1
                    if unplayed_change[address] >= 0:
                        change_keys[unplayed_change[address]] = key
                        unplayed_change[address] = NO_PART
                else:
                    if by == BY_PROGRAM:
                        first = parts.row_by_key[playing_port * KEYS + key % KEYS]
                        last = first + 1
                        push_note(sounding, note, first)
                    if walk_pass == PASS_MEASURE:
                        if by == BY_DRUM:
                            record_part_program(parts.rows[first], settings.program)
                        count_part_note(sender, parts.rows[first], channel, pitch, event_tick)
                    if counts_notes:
                        slot = first * PITCHES + pitch if by == BY_PROGRAM else note
                        begin_note_of_part(parts, note_counts, first, slot)
            elif kind <= 9 and by == BY_PROGRAM and walk_pass != PASS_ASSIGN and playing_port >= 0:
                released = pop_note(sounding, note)
                if released >= 0:
                    first, last = released, released + 1
            is_release = kind == 8 or (kind == 9 and velocity == 0)
            if counts_notes and is_release and first < last and playing_port >= 0:
                slot = first * PITCHES + pitch if by == BY_PROGRAM else note
                end_note_of_part(parts, note_counts, first, slot, event_tick)
        if walk_pass == PASS_ASSIGN:
            continue
        if first >= last:
            if writing:
                count_problem(home, problems.SILENT_CHANNEL, message)
            continue
        event = TrackEvent(event_tick, status, start, event_stop, delta_start, message, event_number)
        for row_number in range(first, last):
            part = parts.rows[row_number]
            if is_own and ended and end_of_track < 0:
                total += write_missing_end_of_track(out, part, event_tick, stop, home, writing)
            else:
                if stated != NO_PORT:
                    part.port_in_force = stated
                elif (
                    switches_ports
                    and part.port_in_force != port
                    and (status < 0xF0 or (is_own and by == BY_TRACK and not is_last))
                ):
                    if not is_own and not (
                        can_state_port(song.tables.ports, port, source, home)
                        and can_state_port(song.tables.ports, state.port, source, home)
                    ):
                        continue
                    total += write_port_of_event(song, out, part, event, port, home, writing)
                total += write_event(data, out, part, event, own_message, home, writing)
            if total > max_bytes:
                return ZERO - 1, 0
    return total, changes if walk_pass == PASS_ASSIGN else 0
