"""The parts that a track is divided into, and the parts of the notes that sound."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.drum_pieces import PIECE_OF_NOTE
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_types import (
    BY_CHANNEL,
    BY_PROGRAM,
    OUTPUT_HEADER_SIZE,
    PART,
    PITCHES,
    PROGRAM_SLOTS,
    row_type,
)
from midiprism.smf.kernel.scan_tables import ensure_capacity

NO_PART = -1

NOTE_NODE = row_type("part", "next")
"""A note that sounds: its part, and the next note in its queue."""


class TrackParts(NamedTuple):
    """The parts of one track.

    ``rows`` has a row for each, ordered by channel, then by onset; those of channel ``c`` are rows
    ``channel_starts[c]`` to ``channel_stops[c]``. By program, ``row_by_key`` holds the row of each key's
    part, and ``program_change_parts`` the part of every program change in turn. By drum, the row of a note
    (``channel * PITCHES + pitch``) is in ``row_by_key``, NO_PART where it is not divided.
    """

    rows: Any
    channel_starts: Any
    channel_stops: Any
    row_by_key: Any
    program_change_parts: Any


class SoundingNotes(NamedTuple):
    """The parts of the notes that sound: a queue for each channel and pitch, first in, first out.

    ``heads`` and ``tails`` are the first and last node of each queue. ``free[0]`` is the first of the nodes
    that are not in use, ``free[1]`` the number of nodes ever used.
    """

    heads: Any
    tails: Any
    nodes: Any
    free: Any


@helper
def new_sounding_notes(by: int) -> Any:
    """Return empty queues; there are none unless the track is divided by program."""
    queues = 16 * PITCHES if by == BY_PROGRAM else 0
    return SoundingNotes(
        np.full(queues, NO_PART, np.int64),
        np.full(queues, NO_PART, np.int64),
        np.empty(16, NOTE_NODE),
        np.array([NO_PART, 0], np.int64),
    )


@helper
def push_note(sounding: Any, queue: int, part: int) -> Any:
    """Add a note of a part that begins; return the queues."""
    node = sounding.free[0]
    nodes = sounding.nodes
    if node >= 0:
        sounding.free[0] = nodes[node].next
    else:
        node = sounding.free[1]
        nodes = ensure_capacity(nodes, node)
        sounding.free[1] += 1
    nodes[node].part = part
    nodes[node].next = NO_PART
    if sounding.heads[queue] < 0:
        sounding.heads[queue] = node
    else:
        nodes[sounding.tails[queue]].next = node
    sounding.tails[queue] = node
    return SoundingNotes(sounding.heads, sounding.tails, nodes, sounding.free)


@helper
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
def init_part(part: Any, channel: int, program: int) -> None:
    """Make a part empty."""
    part.channel = channel
    part.program = program
    part.drum_piece = -1
    part.plays_programs = 0
    part.note_count = 0
    part.lowest_pitch = 127
    part.highest_pitch = 0
    part.channels = 0
    part.onset = 0
    part.drums = 0


@inlined
def record_part_program(part: Any, program: int) -> None:
    """Record the program of a note of a part, before the note is counted."""
    if part.note_count == 0:
        part.program = program
    elif program != part.program:
        part.plays_programs = 1


@helper
def rewind_parts(parts: Any) -> None:
    """Set every part to its start, before a walk that measures or writes."""
    for row in range(parts.rows.shape[0]):
        part = parts.rows[row]
        part.tick = 0
        part.running_status = 0
        part.last_event = -1
        part.position = OUTPUT_HEADER_SIZE


@helper
def make_parts(by: int, channels: int) -> Any:
    """Return the parts of a track that plays on these channels (a bit each), by track or by channel."""
    channel_starts = np.zeros(17, np.int64)
    if by == BY_CHANNEL:
        for channel in range(16):
            channel_starts[channel + 1] = channel_starts[channel] + (channels >> channel & 1)
        rows = np.empty(channel_starts[16], PART)
        for channel in range(16):
            if channels >> channel & 1:
                init_part(rows[channel_starts[channel]], channel, -1)
    else:
        rows = np.empty(1, PART)
        init_part(rows[0], -1, -1)
    no_rows = np.empty(0, np.int64)
    return TrackParts(rows, channel_starts[:16], channel_starts[1:], no_rows, no_rows)


@helper
def make_program_parts(keys: Any, program_change_keys: Any) -> Any:
    """Return the parts by program: ``keys`` in order of first onset.

    ``program_change_keys`` are the keys to whose parts the program changes go, or -1 - channel for the last
    part of a channel.
    """
    count = keys.shape[0]
    channel_starts = np.zeros(17, np.int64)
    row_by_key = np.full(16 * PROGRAM_SLOTS, NO_PART, np.int64)
    rows = np.empty(count, PART)
    for at in range(count):
        channel_starts[keys[at] // PROGRAM_SLOTS + 1] += 1
    for channel in range(16):
        channel_starts[channel + 1] += channel_starts[channel]
    filled = channel_starts[:16].copy()
    for at in range(count):
        channel = keys[at] // PROGRAM_SLOTS
        init_part(rows[filled[channel]], channel, keys[at] % PROGRAM_SLOTS)
        row_by_key[keys[at]] = filled[channel]
        filled[channel] += 1
    change_parts = np.empty(program_change_keys.shape[0], np.int64)
    for at in range(program_change_keys.shape[0]):
        key = program_change_keys[at]
        if key >= 0:
            change_parts[at] = row_by_key[key]
        else:
            # NO_PART where the channel plays nothing.
            channel = -1 - key
            last = channel_starts[channel + 1] - 1
            change_parts[at] = last if last >= channel_starts[channel] else NO_PART
    return TrackParts(rows, channel_starts[:16], channel_starts[1:], row_by_key, change_parts)


@helper
def make_drum_parts(by: int, channels: int, drum_channels: int, kit_maps: Any, notes_played: Any) -> Any:
    """Return the parts of a track whose drum channels are divided by piece, in the order of their numbers.

    Its other channels have a part each where ``by`` is BY_CHANNEL, else one in common, which comes first.
    ``channels`` are those that play. ``kit_maps`` are the maps of the drum channels, ``notes_played`` is 1
    for each note (``channel * PITCHES + pitch``) that plays.
    """
    others = channels & ~drum_channels
    common = 1 if by != BY_CHANNEL and others else 0
    starts = np.zeros(16, np.int64)
    stops = np.full(16, common, np.int64)
    row_by_note = np.full(16 * PITCHES, NO_PART, np.int64)
    rows = np.empty(common + 16 + np.count_nonzero(notes_played), PART)
    if common:
        init_part(rows[0], -1, -1)
    count = common
    for channel in range(16):
        if drum_channels >> channel & 1:
            starts[channel] = count
            count = add_pieces(rows, count, channel, kit_maps[channel], notes_played, row_by_note)
            stops[channel] = count
        elif by == BY_CHANNEL:
            starts[channel] = count
            if others >> channel & 1:
                init_part(rows[count], channel, -1)
                count += 1
            stops[channel] = count
    return TrackParts(rows[:count], starts, stops, row_by_note, np.empty(0, np.int64))


@helper
def add_pieces(rows: Any, count: int, channel: int, kit_map: int, notes_played: Any, row_by_note: Any) -> int:
    """Add a part for each piece that plays on a channel; return the number of rows."""
    row_by_piece = np.full(PITCHES, NO_PART, np.int64)
    for pitch in range(PITCHES):
        if notes_played[channel * PITCHES + pitch]:
            row_by_piece[PIECE_OF_NOTE[kit_map, pitch]] = 0
    for piece in range(PITCHES):
        if row_by_piece[piece] >= 0:
            init_part(rows[count], channel, -1)
            rows[count].drum_piece = kit_map * PITCHES + piece
            row_by_piece[piece] = count
            count += 1
    for pitch in range(PITCHES):
        # A note that never plays goes with its piece too.
        row_by_note[channel * PITCHES + pitch] = row_by_piece[PIECE_OF_NOTE[kit_map, pitch]]
    return count
