"""The tight loop of the scan: notes, controllers and bends, which most of a file consists of."""

from typing import Any

from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.note_hash import add_note
from midiprism.smf.kernel.row_types import CHECKPOINT_INTERVAL, MAX_FAST_EVENT_SIZE, PROGRAM_SLOTS
from midiprism.smf.kernel.sounds import SETUP_CONTROLLERS
from midiprism.smf.kernel.track_state import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    count_note_by_program,
    record_first_note,
)

SLOW_CONTROLLERS = {*SETUP_CONTROLLERS, ALL_SOUND_OFF, *range(ALL_NOTES_OFF, 128)}

LOW_CONTROLLERS = sum(1 << number for number in SLOW_CONTROLLERS if number < 64)
HIGH_CONTROLLERS = sum(1 << (number & 63) for number in SLOW_CONTROLLERS if number >= 64) - (1 << 64)
"""A bit per controller that selects sounds or ends notes: numbers with a sign, tested in registers."""


@inlined
def count_note_on(state: Any, channel: int, pitch: int, tick: int) -> None:
    """Count a note that begins."""
    state.note_count += 1
    state.lowest_pitch = min(state.lowest_pitch, pitch)
    state.highest_pitch = max(state.highest_pitch, pitch)
    state.note_hash = add_note(state.note_hash, state.onset_scale, tick, pitch)
    state.sounding_count += 1
    state.sounding[channel << 7 | pitch] += 1
    count_note_by_program(state, channel, tick)


@inlined
def count_note_off(state: Any, channel: int, pitch: int, tick: int) -> None:
    """Count the end of a note, if one sounds."""
    if state.sounding[channel << 7 | pitch] > 0:
        state.sounding[channel << 7 | pitch] -= 1
        state.sounding_count -= 1
        state.last_note_ticks[channel] = tick


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
    state: Any,
) -> tuple[int, int, int, int, int]:
    """Scan the plain channel events that come next: all but those that select sounds or end all notes.

    Most events of most files are such. Stops before the first other event, before one that is damaged, and a
    little before ``limit``.

    Returns:
        The position and tick reached, the running status, the events and the checkpoints so far.
    """
    notes = 0
    notes_before_voice = 0
    lowest, highest = state.lowest_pitch, state.highest_pitch
    note_hash, onset_scale = state.note_hash, state.onset_scale
    sounding_count = state.sounding_count
    sounding, notes_by_key = state.sounding, state.notes_by_key
    last_note_ticks = state.last_note_ticks
    voice_status = 0
    voice_key = 0
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
            note = (status & 15) << 7 | first
            if kind == 9 and second > 0:
                if status != voice_status:
                    # Notes are counted under their channel and program when another channel follows.
                    notes_by_key[unsigned_index(voice_key)] += notes - notes_before_voice
                    notes_before_voice = notes
                    voice_status = status
                    channel = status & 15
                    voice_key = channel * PROGRAM_SLOTS + state.channels[unsigned_index(channel)].program
                    if notes_by_key[unsigned_index(voice_key)] == 0:
                        record_first_note(state, channel, voice_key, tick + delta)
                notes += 1
                lowest = min(lowest, first)
                highest = max(highest, first)
                note_hash = add_note(note_hash, onset_scale, tick + delta, first)
                sounding_count += 1
                sounding[unsigned_index(note)] += 1
            elif sounding[unsigned_index(note)] > 0:
                sounding[unsigned_index(note)] -= 1
                sounding_count -= 1
                last_note_ticks[unsigned_index(status & 15)] = tick + delta
            message += 2
        elif (
            notes_only
            or kind == 0xC
            or kind == 0xF
            or first >= 0x80
            or (kind == 0xB and (LOW_CONTROLLERS if first < 64 else HIGH_CONTROLLERS) >> (first & 63) & 1)
        ):
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
            checkpoint = checkpoints[unsigned_index(checkpoint_count)]
            checkpoint.tick = tick
            checkpoint.position = at
            checkpoint.running_status = running_status
            checkpoint_count += 1
        at = message
        running_status = status
        tick += delta
        event_count += 1
    notes_by_key[unsigned_index(voice_key)] += notes - notes_before_voice
    state.note_count += notes
    state.lowest_pitch = lowest
    state.highest_pitch = highest
    state.note_hash = note_hash
    state.sounding_count = sounding_count
    return at, tick, running_status, event_count, checkpoint_count
