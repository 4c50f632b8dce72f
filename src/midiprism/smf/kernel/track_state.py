"""The state that a walk over a track keeps on a port: its channels, their notes and sounds."""

from typing import Any

from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.row_types import (
    DRUM_STATE_DRUMS,
    DRUM_STATE_EFFECTS,
    DRUM_STATE_MELODIC,
    KEYS,
    MODULE_GM2,
    MODULE_UNKNOWN,
    MODULE_XG,
    NO_PROGRAM,
    NULL_PARAMETER,
    PITCHES,
    PROGRAM_SLOTS,
    ZERO,
    ZONE_LOWER,
    ZONE_NONE,
    ZONE_UPPER,
)

ALL_SOUND_OFF = 120
ALL_NOTES_OFF = 123


@inlined
def reset_track_state(states: Any) -> None:
    """Empty the state of a walk, except for its problems."""
    for port in range(states.shape[0]):
        state = states[port]
        for index in range(state.played_key_count):
            state.notes_by_key[state.played_keys[index]] = 0
        state.played_key_count = 0
        state.note_count = 0
        state.lowest_pitch = 127
        state.highest_pitch = 0
        state.note_hash = 0
        state.sounding_count = 0
        state.module = MODULE_UNKNOWN
        state.lower_members = 0
        state.upper_members = 0
        state.most_lower_members = 0
        state.most_upper_members = 0
        state.port_is_numbered = 0
        state.sysex_is_open = 0
        for channel in range(16):
            state.last_note_ticks[channel] = 0
            settings = state.channels[channel]
            settings.program = NO_PROGRAM
            settings.bank = -1
            settings.bank_lsb = -1
            settings.part_mode = -1
            settings.parameter = NULL_PARAMETER
            settings.mono = 0
            settings.onset = -1
            settings.drums = 0


@inlined
def clear_sounding_notes(state: Any) -> None:
    """Forget the notes that sound."""
    for index in range(16 * PITCHES):
        state.sounding[index] = 0


@borrowing_helper
def clear_all_sounding_notes(states: Any) -> None:
    """Forget the notes that sound on any port."""
    for port in range(states.shape[0]):
        clear_sounding_notes(states[port])


@inlined
def ends_all_notes(controller: int) -> bool:
    """Return whether a controller ends the notes of its channel: all sound off, and from all notes off on the
    mode messages, which end them too."""
    return controller == ALL_SOUND_OFF or controller >= ALL_NOTES_OFF


@borrowing_helper
def end_channel_notes(state: Any, channel: int, tick: int) -> None:
    """Count the end of all notes that sound on a channel."""
    if state.sounding_count > 0:
        for note in range(channel * PITCHES, channel * PITCHES + PITCHES):
            if state.sounding[note] > 0:
                state.sounding_count -= state.sounding[note]
                state.sounding[note] = 0
                state.last_note_ticks[channel] = tick


@inlined
def end_hanging_notes(state: Any, tick: int) -> None:
    """Let the notes that nothing ends sound until a tick, and forget them."""
    for note in range(16 * PITCHES):
        if state.sounding[note] > 0:
            state.sounding[note] = 0
            state.last_note_ticks[note // PITCHES] = tick


@inlined
def drum_state(channel: int, bank: int, part_mode: int, module: int) -> int:
    """Return what a channel (0 to 15) plays: DRUM_STATE_MELODIC, DRUM_STATE_DRUMS or DRUM_STATE_EFFECTS.

    A part mode decides; then the bank select MSB, by the mode of the module; then channel 10. The banks of XG
    and General MIDI 2 count also where no reset says what the module is.
    """
    if part_mode >= 0:
        return DRUM_STATE_DRUMS if part_mode else DRUM_STATE_MELODIC
    if module in (MODULE_XG, MODULE_UNKNOWN):
        if bank == 127:
            return DRUM_STATE_DRUMS
        if bank == 126:
            return DRUM_STATE_EFFECTS
    if module == MODULE_XG and bank >= 0:
        return DRUM_STATE_MELODIC
    if module in (MODULE_GM2, MODULE_UNKNOWN):
        if bank == 120:
            return DRUM_STATE_DRUMS
        if bank == 121:
            return DRUM_STATE_MELODIC
    return DRUM_STATE_DRUMS if channel == 9 else DRUM_STATE_MELODIC


@inlined
def track_drum_state(state: Any, channel: int) -> int:
    """Return the drum state of a channel as the track itself has set it so far."""
    settings = state.channels[channel]
    return drum_state(channel, settings.bank, settings.part_mode, state.module)


@inlined
def zone_of(state: Any, channel: int) -> int:
    """Return the MPE zone that a channel is in."""
    if state.lower_members > 0 and channel <= state.lower_members:
        return ZONE_LOWER
    if state.upper_members > 0 and channel >= 15 - state.upper_members:
        return ZONE_UPPER
    return ZONE_NONE


@borrowing_helper
def record_first_note(state: Any, channel: int, key: int, tick: int) -> None:
    """List a key that begins to play."""
    state.played_keys[state.played_key_count] = key
    state.played_key_count += 1
    settings = state.channels[channel]
    zone = zone_of(state, channel)
    if settings.onset < 0:
        settings.onset = tick
        settings.drums = track_drum_state(state, channel)
        settings.first_bank = settings.bank
        settings.first_bank_lsb = settings.bank_lsb
        settings.zone = zone
        settings.plays_mono = settings.mono
    else:
        settings.plays_mono &= settings.mono
        if settings.zone != zone:
            settings.zone = ZONE_NONE


@inlined
def count_note_by_program(state: Any, channel: int, tick: int) -> None:
    """Count a note of a channel under the program in force."""
    key = channel * PROGRAM_SLOTS + state.channels[channel].program
    if state.notes_by_key[key] == 0:
        record_first_note(state, channel, key, tick)
    state.notes_by_key[key] += 1


@borrowing_helper
def lead_key_and_program(
    states: Any, port_uses: Any, first_use: int, port: int, channels: int
) -> tuple[int, int]:
    """Return the key with most notes, the lowest of equals, and the one program that plays.

    The key is one of an address: ``port * KEYS`` more than that of its channel. The program is -1 where
    several play, or where none was selected. Only notes of one port count where ``port`` is not -1, else none
    that are divided by pieces; and only those of ``channels``, a bit each. What the track plays on its ports
    is in ``port_uses`` from ``first_use`` on.
    """
    best = ZERO - 1
    most = ZERO
    only = ZERO - 1
    for at in range(states.shape[0]):
        state = states[at]
        if port >= 0 and port != at:
            continue
        counted = channels if port >= 0 else channels & ~port_uses[first_use + at].drum_channels
        for index in range(state.played_key_count):
            key = state.played_keys[index]
            if counted >> key // PROGRAM_SLOTS & 1 == 0:
                continue
            notes = state.notes_by_key[key]
            program = key % PROGRAM_SLOTS
            if best < 0:
                only = program
            elif program != only:
                only = ZERO + NO_PROGRAM
            if best < 0 or notes > most or (notes == most and at * KEYS + key < best):
                best = at * KEYS + key
                most = notes
    return best, ZERO - 1 if only == NO_PROGRAM else only


FIRST_STRING_PROGRAM = 24
LAST_STRING_PROGRAM = 39
"""Guitars and basses."""

LEAST_STRINGS = 3


@inlined
def channels_played(state: Any) -> int:
    """Return a bit per channel that has played a note."""
    mask = 0
    for index in range(state.played_key_count):
        mask |= 1 << state.played_keys[index] // PROGRAM_SLOTS
    return mask


@borrowing_helper
def is_one_instrument(states: Any, program: int) -> bool:
    """Return whether all channels of a track are one instrument, as those of a guitar synthesizer.

    Every one that plays is in mono mode, or three play at least, all with the program of one guitar or bass
    (``program``, -1 without a common one) and one bank, and none plays drums.
    """
    count = 0
    bank = -1
    all_mono = True
    one_sound = FIRST_STRING_PROGRAM <= program <= LAST_STRING_PROGRAM
    for port in range(states.shape[0]):
        for channel in range(16):
            settings = states[port].channels[channel]
            if settings.onset >= 0:
                count += 1
                all_mono = all_mono and settings.plays_mono > 0
                first_bank = max(settings.first_bank, 0) << 7 | max(settings.first_bank_lsb, 0)
                if bank < 0:
                    bank = first_bank
                if first_bank != bank or settings.drums != DRUM_STATE_MELODIC:
                    one_sound = False
    return count > 1 and (all_mono or (one_sound and count >= LEAST_STRINGS))
