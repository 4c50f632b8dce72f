"""The tight loop of the scan: notes, controllers and bends, which most of a file consists of."""

from typing import Any

from midiprism.smf.kernel.buffers import count_note_by_program, record_first_note
from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.row_fields import (
    C_COLUMNS,
    C_PROGRAM,
    CHECKPOINT_INTERVAL,
    M_POSITION,
    M_STATUS,
    M_TICK,
    MAX_FAST_EVENT_SIZE,
    PROGRAM_SLOTS,
    W_ACTIVE,
    W_CHANNELS,
    W_HIGH,
    W_KEYS,
    W_LOW,
    W_NOTES,
    W_PLAYED,
    W_PLAYS,
    W_SOUNDING,
)


@inlined
def count_note_on(track_state: Any, channel: int, pitch: int, tick: int) -> None:
    """Count a note that begins."""
    track_state[W_NOTES] += 1
    track_state[W_LOW] = min(track_state[W_LOW], pitch)
    track_state[W_HIGH] = max(track_state[W_HIGH], pitch)
    track_state[W_SOUNDING] += 1
    track_state[W_ACTIVE + (channel << 7 | pitch)] += 1
    count_note_by_program(track_state, channel, tick)


@inlined
def count_note_off(track_state: Any, channel: int, pitch: int) -> None:
    """Count the end of a note, if one sounds."""
    if track_state[W_ACTIVE + (channel << 7 | pitch)] > 0:
        track_state[W_ACTIVE + (channel << 7 | pitch)] -= 1
        track_state[W_SOUNDING] -= 1


@inlined
def channels_played(track_state: Any) -> int:
    """A bit per channel that has played a note."""
    mask = 0
    for at in range(W_KEYS, W_KEYS + track_state[W_PLAYED]):
        mask |= 1 << track_state[at] // PROGRAM_SLOTS
    return mask


@bounds_checked_by_hand
def scan_channel_events(
    data: Any,
    at: int,
    limit: int,
    tick: int,
    running_status: int,
    event_count: int,
    notes_only: bool,
    checkpoints: Any,
    checkpoint_count: int,
    track_state: Any,
) -> tuple[int, int, int, int, int]:
    """Scan the plain channel events that come next: all but program changes and bank selects.

    Most events of most files are such. Stops before the first that is anything else, or that needs a closer
    look, and a little before ``limit``.

    Returns:
        The position and tick that were reached, the running status, the events and the marks so far.
    """
    notes = 0
    since = 0
    low, high = track_state[W_LOW], track_state[W_HIGH]
    sounding = track_state[W_SOUNDING]
    voice_status = 0
    voice = W_PLAYS
    while at + MAX_FAST_EVENT_SIZE <= limit:
        message = at + 1
        delta = data[unsigned_index(at)] & 0xFF
        if delta >= 0x80:
            delta = (delta & 0x7F) << 7 | data[unsigned_index(message)] & 0x7F
            if data[unsigned_index(message)] >= 0x80:
                break
            message += 1
        status = data[unsigned_index(message)] & 0xFF
        if status < 0x80:
            status = running_status
        else:
            message += 1
        kind = status >> 4
        first = data[unsigned_index(message)] & 0xFF
        second = data[unsigned_index(message + 1)] & 0xFF
        if kind <= 9 and first | second < 0x80:
            slot = W_ACTIVE + ((status & 15) << 7 | first)
            if kind == 9 and second > 0:
                if status != voice_status:
                    # Notes are counted under their channel and program when another follows.
                    track_state[unsigned_index(voice)] += notes - since
                    since = notes
                    voice_status = status
                    channel = status & 15
                    voice = (
                        W_PLAYS
                        + channel * PROGRAM_SLOTS
                        + track_state[W_CHANNELS + channel * C_COLUMNS + C_PROGRAM]
                    )
                    if track_state[unsigned_index(voice)] == 0:
                        record_first_note(track_state, channel, voice - W_PLAYS, tick + delta)
                notes += 1
                low = min(low, first)
                high = max(high, first)
                sounding += 1
                track_state[unsigned_index(slot)] += 1
            elif track_state[unsigned_index(slot)] > 0:
                track_state[unsigned_index(slot)] -= 1
                sounding -= 1
            message += 2
        elif notes_only or kind == 0xC or kind == 0xF or first >= 0x80 or (kind == 0xB and first == 0):
            break
        elif kind == 0xD:
            message += 1
        elif second < 0x80:
            message += 2
        else:
            break
        if event_count & (CHECKPOINT_INTERVAL - 1) == 0:
            if checkpoint_count == checkpoints.shape[0]:
                break
            checkpoints[unsigned_index(checkpoint_count), M_TICK] = tick
            checkpoints[unsigned_index(checkpoint_count), M_POSITION] = at
            checkpoints[unsigned_index(checkpoint_count), M_STATUS] = running_status
            checkpoint_count += 1
        at = message
        running_status = status
        tick += delta
        event_count += 1
    track_state[unsigned_index(voice)] += notes - since
    track_state[W_NOTES] += notes
    track_state[W_LOW] = low
    track_state[W_HIGH] = high
    track_state[W_SOUNDING] = sounding
    return at, tick, running_status, event_count, checkpoint_count
