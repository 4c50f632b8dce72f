"""Events, and their bytes in a track chunk (SMF 1.0, "MTrk - track chunk").

An event is one integer: tick, rank within its tick, status, two data bytes. An event of status META stands
for an entry of a table of bytes (a meta event or a system exclusive message); its data bytes are the entry's
number.
"""

from typing import Any

import numpy as np

from midiprism.sample.rng import IntArray
from midiprism.smf.kernel.file_writer import write_end_of_track
from midiprism.smf.kernel.jit import helper
from midiprism.smf.kernel.varlen import write_vlq

RANK_CONDUCTOR, RANK_SETUP, RANK_NOTE_OFF, RANK_CONTROL, RANK_LYRIC, RANK_NOTE_ON = range(6)
"""Ranks within a tick."""

META = 0xFF
EVENT_BUFFER_SIZE = 1 << 18
"""Events in a buffer, its first element being their count."""

_RANK_BITS = 24
_TICK_BITS = 28


@helper
def emit(events: IntArray, tick: int, rank: int, status: int, data_1: int, data_2: int) -> None:
    """Append an event."""
    count = events[0] + 1
    events[count] = (tick << _TICK_BITS) | (rank << _RANK_BITS) | (status << 16) | (data_1 << 8) | data_2
    events[0] = count


@helper
def emit_entry(events: IntArray, tick: int, rank: int, entry: int) -> None:
    """Append an event that stands for an entry of the table of bytes."""
    emit(events, tick, rank, META, entry >> 8, entry & 0xFF)


@helper
def sort_nearly_ordered(events: IntArray) -> None:
    """Order events by tick and rank. Those of one part come nearly in order, which suits insertion sort."""
    for index in range(2, events[0] + 1):
        event = events[index]
        key = event >> _RANK_BITS
        gap = index
        while gap > 1 and events[gap - 1] >> _RANK_BITS > key:
            events[gap] = events[gap - 1]
            gap -= 1
        events[gap] = event


@helper
def sort_parts(events: IntArray) -> None:
    """Order the events of several parts by tick and rank."""
    used = events[1 : events[0] + 1].copy()
    order = np.argsort(used >> _RANK_BITS, kind="mergesort")
    for index in range(used.shape[0]):
        events[index + 1] = used[order[index]]


@helper
def encode_track(
    events: IntArray, end_tick: int, running_status: bool, entry_bytes: Any, entry_starts: IntArray, out: Any
) -> int:
    """Write the events and an end of track, at ``end_tick`` or the last event; return the size in bytes."""
    at = 0
    now = 0
    last_status = 0
    for index in range(1, events[0] + 1):
        event = events[index]
        tick = event >> _TICK_BITS
        at = write_vlq(out, at, tick - now)
        now = tick
        status = (event >> 16) & 0xFF
        if status == META:
            entry = event & 0xFFFF
            for source in range(entry_starts[entry], entry_starts[entry + 1]):
                out[at] = entry_bytes[source]
                at += 1
            last_status = 0
            continue
        if status != last_status:
            out[at] = status
            at += 1
            if running_status:
                last_status = status
        out[at] = (event >> 8) & 0x7F
        at += 1
        if status & 0xE0 != 0xC0:
            out[at] = event & 0x7F
            at += 1
    return int(write_end_of_track(out, at, max(end_tick - now, 0)))
