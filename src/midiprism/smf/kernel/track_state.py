"""The state that a walk over a track keeps: its channels, the notes that it plays, its drum parts."""

from typing import Any

from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_types import (
    DRUM_STATE_DRUMS,
    DRUM_STATE_EFFECTS,
    DRUM_STATE_MELODIC,
    NO_PROGRAM,
    PITCHES,
    PROGRAM_SLOTS,
    ZERO,
)


@inlined
def reset_track_state(state: Any) -> None:
    """Empty the state of a walk, except for its problems."""
    for index in range(state.played_key_count):
        state.notes_by_key[state.played_keys[index]] = 0
    state.played_key_count = 0
    state.note_count = 0
    state.lowest_pitch = 127
    state.highest_pitch = 0
    state.sounding_count = 0
    state.gs_reset_seen = 0
    for channel in range(16):
        settings = state.channels[channel]
        settings.program = NO_PROGRAM
        settings.bank = -1
        settings.part_mode = -1
        settings.onset = -1
        settings.drums = 0


@inlined
def clear_sounding_notes(state: Any) -> None:
    """Forget the notes that sound."""
    for index in range(16 * PITCHES):
        state.sounding[index] = 0


@inlined
def drum_state(channel: int, bank: int, part_mode: int, gs_reset_seen: bool) -> int:
    """Return what a channel (0 to 15) plays: DRUM_STATE_MELODIC, DRUM_STATE_DRUMS or DRUM_STATE_EFFECTS.

    A part mode set by GS or XG sysex decides; then the bank select MSB (XG: 127 drums, 126 effects, unless a
    GS reset was seen; General MIDI 2: 120 drums, 121 melodic); then channel 10.
    """
    if part_mode >= 0:
        return DRUM_STATE_DRUMS if part_mode else DRUM_STATE_MELODIC
    if bank == 120 or (bank == 127 and not gs_reset_seen):
        return DRUM_STATE_DRUMS
    if bank == 126 and not gs_reset_seen:
        return DRUM_STATE_EFFECTS
    if bank == 121:
        return DRUM_STATE_MELODIC
    return DRUM_STATE_DRUMS if channel == 9 else DRUM_STATE_MELODIC


@inlined
def track_drum_state(state: Any, channel: int) -> int:
    """Return the drum state of a channel as the track itself has set it so far."""
    settings = state.channels[channel]
    return drum_state(channel, settings.bank, settings.part_mode, state.gs_reset_seen > 0)


@helper
def record_first_note(state: Any, channel: int, key: int, tick: int) -> None:
    """List a key that begins to play."""
    state.played_keys[state.played_key_count] = key
    state.played_key_count += 1
    settings = state.channels[channel]
    if settings.onset < 0:
        settings.onset = tick
        settings.drums = track_drum_state(state, channel)


@inlined
def count_note_by_program(state: Any, channel: int, tick: int) -> None:
    """Count a note of a channel under the program in force."""
    key = channel * PROGRAM_SLOTS + state.channels[channel].program
    if state.notes_by_key[key] == 0:
        record_first_note(state, channel, key, tick)
    state.notes_by_key[key] += 1


@inlined
def channels_played(state: Any) -> int:
    """Return a bit per channel that has played a note."""
    mask = 0
    for index in range(state.played_key_count):
        mask |= 1 << state.played_keys[index] // PROGRAM_SLOTS
    return mask


@helper
def lead_key_and_program(state: Any, channels: int) -> tuple[int, int]:
    """Return the key with most notes, the lowest of equals, and the one program that plays.

    The program is -1 where several play, or where none was selected. Only notes of ``channels`` (a bit each)
    count.
    """
    best = ZERO - 1
    only = ZERO - 1
    for index in range(state.played_key_count):
        key = state.played_keys[index]
        if channels >> key // PROGRAM_SLOTS & 1 == 0:
            continue
        program = key % PROGRAM_SLOTS
        if best < 0:
            best, only = key, program
        elif state.notes_by_key[key] > state.notes_by_key[best] or (
            state.notes_by_key[key] == state.notes_by_key[best] and key < best
        ):
            best = key
        if program != only:
            only = ZERO + NO_PROGRAM
    return best, ZERO - 1 if only == NO_PROGRAM else only
