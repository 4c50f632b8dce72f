"""The parts that a track is divided into, and the parts of the notes that sound."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.drum_pieces import PIECE_OF_NOTE
from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.row_types import (
    ALL_CHANNELS_MASK,
    BY_CHANNEL,
    BY_PROGRAM,
    KEYS,
    OUTPUT_HEADER_SIZE,
    PART,
    PITCHES,
    PROGRAM_SLOTS,
    ZERO,
    row_type,
)

NO_PART = -1

NOTE_NODE = row_type("part", "next")
"""A note that sounds: its part, and the next note in its queue."""


class TrackParts(NamedTuple):
    """The parts of one track.

    ``rows`` has a row for each, ordered by address (``port * 16 + channel``), then by onset. Notes of address
    ``a`` go to rows ``channel_starts[a]`` to ``channel_stops[a]``, its other events to rows
    ``event_starts[a]`` to ``event_stops[a]``: more of them where it manages an MPE zone. ``fast_rows[a]`` is
    the row to which all of its events go, or -1. By program, ``row_by_key`` holds the row of each key's part,
    and ``program_change_parts`` the part of every program change in turn. By drum, the row of a note
    (``address * PITCHES + pitch``) is in ``row_by_key``, NO_PART where it is not divided. Addresses of
    ``row_by_key`` count only ports on which the track plays: port ``p`` is the one of ``playing_ports[p]``.
    """

    rows: Any
    channel_starts: Any
    channel_stops: Any
    event_starts: Any
    event_stops: Any
    fast_rows: Any
    playing_ports: Any
    row_by_key: Any
    program_change_parts: Any


class SoundingNotes(NamedTuple):
    """The parts of the notes that sound: a queue for each channel and pitch, first in, first out.

    ``heads`` and ``tails`` are the first and last node of each queue. ``nodes`` has one for each note of the
    track. ``free[0]`` is the first that is not in use any more, ``free[1]`` the number of nodes ever used.
    """

    heads: Any
    tails: Any
    nodes: Any
    free: Any


@helper
def number_playing_ports(port_uses: Any) -> Any:
    """Return for each port its number among those on which the track plays, or NO_PART.

    A track has big tables for these ports only: there may be many ports, and many small tracks.
    """
    numbers = np.full(port_uses.shape[0], NO_PART, np.int64)
    count = 0
    for port in range(port_uses.shape[0]):
        if port_uses[port].channels:
            numbers[port] = count
            count += 1
    return numbers


@borrowing_helper
def count_playing_ports(port_uses: Any) -> int:
    """Return the number of ports on which a track plays."""
    count = 0
    for port in range(port_uses.shape[0]):
        if port_uses[port].channels:
            count += 1
    return count


@helper
def new_sounding_notes(by: int, ports: int, notes: int) -> Any:
    """Return empty queues for the notes of a track; there are none unless it is divided by program."""
    queues = 16 * PITCHES * ports if by == BY_PROGRAM else 0
    return SoundingNotes(
        np.full(queues, NO_PART, np.int64),
        np.full(queues, NO_PART, np.int64),
        np.empty(notes if by == BY_PROGRAM else 0, NOTE_NODE),
        np.array([NO_PART, 0], np.int64),
    )


@borrowing_helper
def push_note(sounding: Any, queue: int, part: int) -> None:
    """Add a note of a part that begins."""
    node = sounding.free[0]
    nodes = sounding.nodes
    if node >= 0:
        sounding.free[0] = nodes[node].next
    else:
        node = sounding.free[1]
        sounding.free[1] += 1
    nodes[node].part = part
    nodes[node].next = NO_PART
    if sounding.heads[queue] < 0:
        sounding.heads[queue] = node
    else:
        nodes[sounding.tails[queue]].next = node
    sounding.tails[queue] = node


@borrowing_helper
def pop_note(sounding: Any, queue: int) -> int:
    """Remove the first note that sounds and return its part; NO_PART where none sounds."""
    node = sounding.heads[queue]
    if node < 0:
        return NO_PART
    row = sounding.nodes[node]
    sounding.heads[queue] = row.next
    part = row.part
    row.next = sounding.free[0]
    sounding.free[0] = node
    return int(part)


@inlined
def init_part(part: Any, port: int, channels: int, program: int) -> None:
    """Make a part empty."""
    part.port = port
    part.channels = channels
    part.program = program
    part.drum_piece = -1
    part.plays_programs = 0
    part.note_count = 0
    part.lowest_pitch = 127
    part.highest_pitch = 0
    part.note_hash = 0
    part.onset = 0
    part.drums = 0


@inlined
def record_part_program(part: Any, program: int) -> None:
    """Record the program of a note of a part, before the note is counted."""
    if part.note_count == 0:
        part.program = program
    elif program != part.program:
        part.plays_programs = 1


@borrowing_helper
def rewind_parts(parts: Any) -> None:
    """Set every part to its start, before a walk that measures or writes."""
    for row in range(parts.rows.shape[0]):
        part = parts.rows[row]
        part.tick = 0
        part.running_status = 0
        part.port_in_force = 0
        part.sounding_count = 0
        part.last_note_tick = 0
        part.last_event = -1
        part.position = OUTPUT_HEADER_SIZE


@helper
def make_parts(by: int, keeps_zones: bool, port_uses: Any) -> Any:
    """Return the parts of a track by track or by channel; ``port_uses`` are what it plays on each port.

    ``keeps_zones`` says whether the channels that play in an MPE zone have one part.
    """
    addresses = 16 * port_uses.shape[0]
    starts, stops = np.zeros(addresses, np.int64), np.zeros(addresses, np.int64)
    rows = np.empty(addresses if by == BY_CHANNEL else 1, PART)
    count = 0
    if by == BY_CHANNEL:
        for address in range(addresses):
            count = add_channel(rows, count, starts, stops, address, keeps_zones, port_uses)
        if keeps_zones:
            add_silent_members(starts, stops, port_uses)
    else:
        count = 1
        init_part(rows[0], -1, ALL_CHANNELS_MASK, -1)
        stops[:] = 1
    no_rows = np.empty(0, np.int64)
    return with_event_rows(rows[:count], starts, stops, no_rows, no_rows, port_uses)


@borrowing_helper
def add_channel(
    rows: Any, count: int, starts: Any, stops: Any, address: int, keeps_zones: bool, port_uses: Any
) -> int:
    """Add the part of an address, unless it has one with others or is silent; return the number of rows."""
    use = port_uses[address >> 4]
    bit = 1 << (address & 15)
    starts[address] = stops[address] = count
    if use.channels & bit:
        together = bit
        if keeps_zones and use.lower_zone & bit:
            together = use.lower_zone
        elif keeps_zones and use.upper_zone & bit:
            together = use.upper_zone
        if together & (bit - 1):
            starts[address] = starts[address & ~15 | lowest_channel(together)]
        else:
            init_part(rows[count], address >> 4, together, -1)
            count += 1
        stops[address] = starts[address] + 1
    return count


@borrowing_helper
def lowest_channel(channels: int) -> int:
    """Return the lowest channel of several, a bit each."""
    channel = 0
    while channels >> channel & 1 == 0:
        channel += 1
    return channel


@borrowing_helper
def add_silent_members(starts: Any, stops: Any, port_uses: Any) -> None:
    """Send the events of silent members of an MPE zone to the part of those that play."""
    for address in range(starts.shape[0]):
        use = port_uses[address >> 4]
        channel = address & 15
        if starts[address] == stops[address]:
            together = ZERO
            if 0 < channel <= use.lower_members:
                together = use.lower_zone
            elif 15 - use.upper_members <= channel < 15:
                together = use.upper_zone
            if together:
                starts[address] = starts[address & ~15 | lowest_channel(together)]
                stops[address] = starts[address] + 1


@helper
def with_event_rows(
    rows: Any, starts: Any, stops: Any, row_by_key: Any, program_change_parts: Any, port_uses: Any
) -> Any:
    """Return the parts of a track, in which the manager of an MPE zone sends to all that play in it."""
    event_starts, event_stops = starts.copy(), stops.copy()
    for port in range(starts.shape[0] // 16):
        use = port_uses[port]
        lower, upper = port * 16, port * 16 + 15
        for address in range(lower + 1, lower + 1 + use.lower_members):
            add_event_rows(event_starts, event_stops, lower, starts[address], stops[address])
        for address in range(upper - use.upper_members, upper):
            add_event_rows(event_starts, event_stops, upper, starts[address], stops[address])
    fast_rows = np.full(starts.shape[0], NO_PART, np.int64)
    for address in range(starts.shape[0]):
        row = starts[address]
        if stops[address] == row + 1 and event_starts[address] == row and event_stops[address] == row + 1:
            fast_rows[address] = row
    return TrackParts(
        rows,
        starts,
        stops,
        event_starts,
        event_stops,
        fast_rows,
        number_playing_ports(port_uses),
        row_by_key,
        program_change_parts,
    )


@borrowing_helper
def add_event_rows(event_starts: Any, event_stops: Any, address: int, start: int, stop: int) -> None:
    """Send the events of an address, other than notes, to more rows, which follow or precede its own."""
    if start == stop:
        return
    if event_starts[address] == event_stops[address]:
        event_starts[address] = start
        event_stops[address] = stop
    else:
        event_starts[address] = min(event_starts[address], start)
        event_stops[address] = max(event_stops[address], stop)


@helper
def make_program_parts(keys: Any, program_change_keys: Any, port_uses: Any) -> Any:
    """Return the parts by program: ``keys`` (``address * PROGRAM_SLOTS + program``) in order of first onset.

    ``program_change_keys`` are the keys to whose parts the program changes go, or -1 - address for the last
    part of an address.
    """
    count = keys.shape[0]
    addresses = 16 * port_uses.shape[0]
    channel_starts = np.zeros(addresses + 1, np.int64)
    playing_ports = number_playing_ports(port_uses)
    row_by_key = np.full(count_playing_ports(port_uses) * KEYS, NO_PART, np.int64)
    rows = np.empty(count, PART)
    for at in range(count):
        channel_starts[keys[at] // PROGRAM_SLOTS + 1] += 1
    for address in range(addresses):
        channel_starts[address + 1] += channel_starts[address]
    filled = channel_starts[:addresses].copy()
    for at in range(count):
        address = keys[at] // PROGRAM_SLOTS
        init_part(rows[filled[address]], address >> 4, 1 << (address & 15), keys[at] % PROGRAM_SLOTS)
        row_by_key[playing_ports[address >> 4] * KEYS + keys[at] % KEYS] = filled[address]
        filled[address] += 1
    change_parts = np.empty(program_change_keys.shape[0], np.int64)
    for at in range(program_change_keys.shape[0]):
        key = program_change_keys[at]
        if key >= 0:
            change_parts[at] = row_by_key[playing_ports[key // KEYS] * KEYS + key % KEYS]
        else:
            # NO_PART where the channel plays nothing.
            address = -1 - key
            last = channel_starts[address + 1] - 1
            change_parts[at] = last if last >= channel_starts[address] else NO_PART
    return with_event_rows(
        rows, channel_starts[:addresses], channel_starts[1:], row_by_key, change_parts, port_uses
    )


@borrowing_helper
def count_played(notes_played: Any) -> int:
    """Return how many notes of a port play."""
    count = 0
    for note in range(notes_played.shape[0]):
        if notes_played[note]:
            count += 1
    return count


@helper
def make_drum_parts(by: int, keeps_zones: bool, port_uses: Any, kit_maps: Any, states: Any) -> Any:
    """Return the parts of a track whose drum channels are divided by piece, in the order of their numbers.

    Its other channels have a part each where ``by`` is BY_CHANNEL, else one in common, which comes first.
    ``kit_maps`` are the maps of the drum channels, by address; ``states`` have the notes that play.
    """
    addresses = 16 * port_uses.shape[0]
    common = 0
    pieces = 0
    for port in range(port_uses.shape[0]):
        if port_uses[port].channels:
            pieces += count_played(states[port].notes_played)
        if by != BY_CHANNEL and port_uses[port].channels & ~port_uses[port].drum_channels:
            common = 1
    starts = np.zeros(addresses, np.int64)
    stops = np.full(addresses, common, np.int64)
    playing_ports = number_playing_ports(port_uses)
    row_by_note = np.full(count_playing_ports(port_uses) * 16 * PITCHES, NO_PART, np.int64)
    rows = np.empty(common + addresses + pieces, PART)
    if common:
        init_part(rows[0], -1, ALL_CHANNELS_MASK, -1)
    count = common
    for address in range(addresses):
        port, channel = address >> 4, address & 15
        if port_uses[port].drum_channels >> channel & 1:
            starts[address] = count
            first_note = (playing_ports[port] * 16 + channel) * PITCHES
            row_by_pitch = row_by_note[first_note : first_note + PITCHES]
            count = add_pieces(
                rows, count, address, kit_maps[address], states[port].notes_played, row_by_pitch
            )
            stops[address] = count
        elif by == BY_CHANNEL:
            count = add_channel(rows, count, starts, stops, address, keeps_zones, port_uses)
    if by == BY_CHANNEL and keeps_zones:
        add_silent_members(starts, stops, port_uses)
    return with_event_rows(rows[:count], starts, stops, row_by_note, np.empty(0, np.int64), port_uses)


@helper
def add_pieces(
    rows: Any, count: int, address: int, kit_map: int, notes_played: Any, row_by_pitch: Any
) -> int:
    """Add a part for each piece that plays on an address; return the number of rows."""
    channel = address & 15
    row_by_piece = np.full(PITCHES, NO_PART, np.int64)
    for pitch in range(PITCHES):
        if notes_played[channel * PITCHES + pitch]:
            row_by_piece[PIECE_OF_NOTE[kit_map, pitch]] = 0
    for piece in range(PITCHES):
        if row_by_piece[piece] >= 0:
            init_part(rows[count], address >> 4, 1 << channel, -1)
            rows[count].drum_piece = kit_map * PITCHES + piece
            row_by_piece[piece] = count
            count += 1
    for pitch in range(PITCHES):
        # A note that never plays goes with its piece too.
        row_by_pitch[pitch] = row_by_piece[PIECE_OF_NOTE[kit_map, pitch]]
    return count
