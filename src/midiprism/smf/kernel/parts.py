"""The parts that a track is divided into: which there are, and which of them an event goes to."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.buffers import ensure_capacity
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_fields import (
    A_AT,
    A_CHAIN,
    A_CHANNEL,
    A_CHANNELS,
    A_COLUMNS,
    A_DRUMS,
    A_HIGH,
    A_LOW,
    A_NOTES,
    A_ONSET,
    A_PROGRAM,
    A_STATUS,
    A_TICK,
    BY_CHANNEL,
    BY_PROGRAM,
    OUTPUT_HEADER_SIZE,
    PROGRAM_SLOTS,
)

NO_PART = -1


class TrackParts(NamedTuple):
    """The parts of one track.

    ``rows`` has a row for each, ordered by channel, then by onset; those of channel ``c`` are rows
    ``begins[c]`` to ``begins[c + 1]``. By program, ``lookup[channel * PROGRAMS + program]`` is the row of a
    part, and ``targets`` holds the part of every program change in turn.
    """

    rows: Any
    channel_starts: Any
    row_by_key: Any
    program_change_parts: Any


class SoundingNotes(NamedTuple):
    """Notes that sound, by channel and pitch, first in, first out: to which part each belongs.

    ``heads`` and ``tails`` are the first and last node of each queue, ``nodes`` the part and the next node of
    each; ``free[0]`` is the first of the nodes that are not in use, ``free[1]`` how many there ever were.
    """

    heads: Any
    tails: Any
    nodes: Any
    free: Any


@helper
def new_sounding_notes(by: int) -> Any:
    """No note sounds; room for none unless the track is divided by program."""
    keys = 2048 if by == BY_PROGRAM else 0
    return SoundingNotes(
        np.full(keys, NO_PART, np.int64),
        np.full(keys, NO_PART, np.int64),
        np.empty((16, 2), np.int64),
        np.array([NO_PART, 0], np.int64),
    )


@helper
def push_note(sounding: Any, key: int, part: int) -> Any:
    """A note of a part begins; returns what sounds."""
    node = sounding.free[0]
    nodes = sounding.nodes
    if node >= 0:
        sounding.free[0] = nodes[node, 1]
    else:
        node = sounding.free[1]
        nodes = ensure_capacity(nodes, node)
        sounding.free[1] += 1
    nodes[node, 0] = part
    nodes[node, 1] = NO_PART
    if sounding.heads[key] < 0:
        sounding.heads[key] = node
    else:
        nodes[sounding.tails[key], 1] = node
    sounding.tails[key] = node
    return SoundingNotes(sounding.heads, sounding.tails, nodes, sounding.free)


@helper
def pop_note(sounding: Any, key: int) -> int:
    """The part of the note that ends; NOWHERE where none sounds."""
    node = sounding.heads[key]
    if node < 0:
        return NO_PART
    sounding.heads[key] = sounding.nodes[node, 1]
    part = sounding.nodes[node, 0]
    sounding.nodes[node, 1] = sounding.free[0]
    sounding.free[0] = node
    return int(part)


@inlined
def init_part(rows: Any, row: int, channel: int, program: int) -> None:
    """An empty part."""
    rows[row, A_CHANNEL] = channel
    rows[row, A_PROGRAM] = program
    rows[row, A_NOTES] = 0
    rows[row, A_LOW] = 127
    rows[row, A_HIGH] = 0
    rows[row, A_CHANNELS] = 0
    rows[row, A_ONSET] = 0
    rows[row, A_DRUMS] = 0


@helper
def rewind_parts(parts: Any) -> None:
    """Before a walk that measures or writes: nothing stands in any part."""
    for part in range(parts.rows.shape[0]):
        parts.rows[part, A_TICK] = 0
        parts.rows[part, A_STATUS] = 0
        parts.rows[part, A_CHAIN] = -1
        parts.rows[part, A_AT] = OUTPUT_HEADER_SIZE


@helper
def make_parts(by: int, channels: int) -> Any:
    """The parts of a track that plays on these channels (a bit each), except by program."""
    begins = np.zeros(17, np.int64)
    if by == BY_CHANNEL:
        for channel in range(16):
            begins[channel + 1] = begins[channel] + (channels >> channel & 1)
        rows = np.empty((begins[16], A_COLUMNS), np.int64)
        for channel in range(16):
            if channels >> channel & 1:
                init_part(rows, begins[channel], channel, -1)
    else:
        begins[:] = 0
        rows = np.empty((1, A_COLUMNS), np.int64)
        init_part(rows, 0, -1, -1)
    return TrackParts(rows, begins, np.empty(0, np.int64), np.empty(0, np.int64))


@helper
def make_program_parts(keys: Any, program_change_keys: Any) -> Any:
    """The parts by program: ``keys`` in order of first onset.

    ``targets`` are the keys of the programs to whose parts the program changes go, or -1 - channel for the
    last part of a channel.
    """
    count = keys.shape[0]
    begins = np.zeros(17, np.int64)
    lookup = np.full(16 * PROGRAM_SLOTS, NO_PART, np.int64)
    rows = np.empty((count, A_COLUMNS), np.int64)
    for at in range(count):
        begins[keys[at] // PROGRAM_SLOTS + 1] += 1
    for channel in range(16):
        begins[channel + 1] += begins[channel]
    filled = begins[:16].copy()
    for at in range(count):
        channel = keys[at] // PROGRAM_SLOTS
        init_part(rows, filled[channel], channel, keys[at] % PROGRAM_SLOTS)
        lookup[keys[at]] = filled[channel]
        filled[channel] += 1
    parts = np.empty(program_change_keys.shape[0], np.int64)
    for at in range(program_change_keys.shape[0]):
        target = program_change_keys[at]
        if target >= 0:
            parts[at] = lookup[target]
        else:
            # NOWHERE where the channel plays nothing.
            channel = -1 - target
            parts[at] = begins[channel + 1] - 1 if begins[channel + 1] > begins[channel] else NO_PART
    return TrackParts(rows, begins, lookup, parts)
