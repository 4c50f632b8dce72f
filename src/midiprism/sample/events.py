"""From events to the bytes of a track chunk (SMF 1.0, "MTrk - track chunk").

An event is one integer: tick, rank within its tick, status, two data bytes. An event of status 0xFF stands
for an entry of a table of bytes (a meta event or a system exclusive message); its data bytes are the number.
"""

from midiprism.sample.rng import ByteArray, IntArray
from midiprism.smf.kernel.jit import entry_point, helper

RANK_CONDUCTOR, RANK_SETUP, RANK_NOTE_OFF, RANK_CONTROL, RANK_LYRIC, RANK_NOTE_ON = range(6)
"""Ranks within a tick."""

META = 0xFF
EVENT_BUFFER_SIZE = 1 << 18
"""Events in a buffer, its first element being their count."""


@helper
def emit(events: IntArray, tick: int, rank: int, status: int, data_1: int, data_2: int) -> None:
    """Append an event."""
    count = events[0] + 1
    events[count] = (tick << 28) | (rank << 24) | (status << 16) | (data_1 << 8) | data_2
    events[0] = count


@entry_point("void(int64[::1])")
def sort_events(events: IntArray) -> None:
    """Order events by tick and rank. They come nearly in order, which insertion sort likes."""
    for here in range(2, events[0] + 1):
        event = events[here]
        key = event >> 24
        gap = here
        while gap > 1 and events[gap - 1] >> 24 > key:
            events[gap] = events[gap - 1]
            gap -= 1
        events[gap] = event


@helper
def write_vlq(out: ByteArray, at: int, value: int) -> int:
    """Variable-length quantity, at most four bytes; gives the next position."""
    if value >= 1 << 21:
        out[at] = 0x80 | (value >> 21)
        at += 1
    if value >= 1 << 14:
        out[at] = 0x80 | ((value >> 14) & 0x7F)
        at += 1
    if value >= 1 << 7:
        out[at] = 0x80 | ((value >> 7) & 0x7F)
        at += 1
    out[at] = value & 0x7F
    return at + 1


@entry_point("int64(int64[::1], int64, int64, uint8[::1], int64[::1], uint8[::1])")
def encode_track(
    events: IntArray,
    end_tick: int,
    use_running_status: int,
    entry_bytes: ByteArray,
    entry_starts: IntArray,
    out: ByteArray,
) -> int:
    """Write the events and an end of track, at ``end`` or at the last event; gives the size in bytes."""
    at = 0
    now = 0
    last = 0
    for index in range(1, events[0] + 1):
        event = events[index]
        tick = event >> 28
        at = write_vlq(out, at, tick - now)
        now = tick
        status = (event >> 16) & 0xFF
        if status == META:
            entry = event & 0xFFFF
            for source in range(entry_starts[entry], entry_starts[entry + 1]):
                out[at] = entry_bytes[source]
                at += 1
            last = 0
            continue
        if status != last:
            out[at] = status
            at += 1
            if use_running_status == 1:
                last = status
        out[at] = (event >> 8) & 0x7F
        at += 1
        if status & 0xE0 != 0xC0:
            out[at] = event & 0x7F
            at += 1
    at = write_vlq(out, at, max(end_tick - now, 0))
    out[at] = 0xFF
    out[at + 1] = 0x2F
    out[at + 2] = 0
    return int(at + 3)
