"""The tight loop of the scan: notes, controllers and bends, which most of a file consists of."""

from typing import Any

from midiprism.smf.kernel.jit import bounds_checked_by_hand, inlined, unsigned_index
from midiprism.smf.kernel.note_hash import add_hashes, add_note, mix_note
from midiprism.smf.kernel.row_types import (
    CHECKPOINT_INTERVAL,
    MAX_FAST_EVENT_SIZE,
    NOTES_AT_ONCE,
    PROGRAM_SLOTS,
)
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


@inlined
def count_notes(state: Any, notes: Any, count: int) -> None:
    """Count the notes of the tight loop, all but those of each program."""
    scale = state.onset_scale
    lowest, highest = int(state.lowest_pitch), int(state.highest_pitch)
    total = 0
    for index in range(count):
        note = int(notes[unsigned_index(index)])
        pitch = note & 0x7F
        lowest = min(lowest, pitch)
        highest = max(highest, pitch)
        total += mix_note(scale, note >> 7, pitch)
    state.note_hash = add_hashes(state.note_hash, total)
    state.lowest_pitch = lowest
    state.highest_pitch = highest
    state.note_count += count


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
    note_count = 0
    notes_before_voice = 0
    notes = state.notes
    sounding_count = state.sounding_count
    sounding, notes_by_key = state.sounding, state.notes_by_key
    last_note_ticks = state.last_note_ticks
    voice_channel = -1
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
        if status < 0xA0 and first | second < 0x80:
            # Whether a note begins or ends is hard to predict for a processor: no branch depends on it.
            channel = status & 15
            begins = status >> 4 & second + 0x7F >> 7 & 1
            if begins & (channel != voice_channel):
                # Notes are counted under their channel and program when another channel follows.
                notes_by_key[unsigned_index(voice_key)] += note_count - notes_before_voice
                notes_before_voice = note_count
                voice_channel = channel
                voice_key = channel * PROGRAM_SLOTS + state.channels[unsigned_index(channel)].program
                if notes_by_key[unsigned_index(voice_key)] == 0:
                    record_first_note(state, channel, voice_key, tick + delta)
            notes[unsigned_index(note_count)] = (tick + delta) << 7 | first
            note_count += begins
            note = channel << 7 | first
            sound_count = sounding[unsigned_index(note)]
            change = begins if sound_count == 0 else 2 * begins - 1
            sounding[unsigned_index(note)] = sound_count + change
            sounding_count += change
            # Only the end of a note that sounds changes what is used of the table.
            last_note_ticks[unsigned_index(channel + 16 + (change >> 1) * 16)] = tick + delta
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
            if note_count >= NOTES_AT_ONCE - CHECKPOINT_INTERVAL:
                notes_by_key[unsigned_index(voice_key)] += note_count - notes_before_voice
                notes_before_voice = 0
                count_notes(state, notes, note_count)
                note_count = 0
        at = message
        running_status = status
        tick += delta
        event_count += 1
    notes_by_key[unsigned_index(voice_key)] += note_count - notes_before_voice
    count_notes(state, notes, note_count)
    state.sounding_count = sounding_count
    return at, tick, running_status, event_count, checkpoint_count
