"""The division of the tracks of a song: how each is divided, and its parts."""

from typing import Any

import numpy as np

from midiprism.smf.kernel.channel_context import last_value_at_tick
from midiprism.smf.kernel.drum_pieces import select_kit_map
from midiprism.smf.kernel.event_writer import walk_track
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.parts import make_drum_parts, make_parts, make_program_parts, rewind_parts
from midiprism.smf.kernel.row_types import (
    BY_AUTO,
    BY_CHANNEL,
    BY_DRUM,
    BY_PROGRAM,
    BY_TRACK,
    NO_PROGRAM,
    PASS_ASSIGN,
    PITCHES,
    PROGRAM_SLOTS,
    SETUP_BANK,
    SETUP_PART_MODE,
    SETUP_PROGRAM,
    ZERO,
)
from midiprism.smf.kernel.track_state import drum_state

DRUM_CHANNEL = 9


@inlined
def resolve_auto(by: int, tracks: Any, count: int) -> int:
    """Return what ``by`` means for a song: auto is by channel where one track has all notes, on several.

    By drum, that holds for what is not divided by piece.
    """
    if by != BY_AUTO and by != BY_DRUM:
        return by
    lone = -1
    for track in range(count):
        if tracks[track].note_count > 0:
            if lone >= 0:
                return BY_TRACK
            lone = track
    if lone < 0:
        return BY_TRACK
    channels = tracks[lone].channels
    return BY_CHANNEL if channels & (channels - 1) else BY_TRACK


@inlined
def set_divisions(tracks: Any, count: int, by: int) -> None:
    """Divide every track in the same way."""
    for track in range(count):
        tracks[track].by = by
        tracks[track].drum_channels = 0


@helper
def may_play_drums(setup_groups: Any, channels: int) -> bool:
    """Return whether drums may play on some of the channels (a bit each)."""
    if channels >> DRUM_CHANNEL & 1:
        return True
    starts = setup_groups.group_starts
    for channel in range(16):
        if channels >> channel & 1:
            bank, mode = SETUP_BANK * 16 + channel, SETUP_PART_MODE * 16 + channel
            if starts[bank] < starts[bank + 1] or starts[mode] < starts[mode + 1]:
                return True
    return False


@helper
def sound_at(song: Any, state: Any, channel: int, tick: int) -> tuple[int, int, int]:
    """Return program, bank and drum state of a channel that begins to play at a tick, as heard in the song.

    ``state`` is that of a walk over the track.
    """
    settings = state.channels[channel]
    program, bank, drums = ZERO + NO_PROGRAM, settings.bank, settings.drums
    for index in range(state.played_key_count):
        if state.played_keys[index] // PROGRAM_SLOTS == channel:
            program = state.played_keys[index] % PROGRAM_SLOTS
            break
    groups = song.setup_groups
    ticks, values, starts = groups.ticks, groups.values, groups.group_starts
    if song.options.midi_format != 2:
        bank = last_value_at_tick(ticks, values, starts, SETUP_BANK * 16 + channel, tick, ZERO - 1)
    if song.options.merges:
        if program == NO_PROGRAM:
            key = SETUP_PROGRAM * 16 + channel
            program = last_value_at_tick(ticks, values, starts, key, tick, program)
        mode = last_value_at_tick(ticks, values, starts, SETUP_PART_MODE * 16 + channel, tick, ZERO - 1)
        drums = drum_state(channel, bank, mode, song.counters.gs_resets > 0)
    return program, bank, drums


@helper
def find_played_notes(song: Any, out: Any, track: int, state: Any) -> None:
    """Walk over a track, so that ``state`` has the notes that it plays."""
    for note in range(16 * PITCHES):
        state.notes_played[note] = 0
    source = song.tables.tracks[track]
    by = source.by
    source.by = BY_DRUM
    nothing_merged = song.tables.conductor_events[:0]
    empty = make_drum_parts(ZERO + BY_TRACK, ZERO, ZERO, np.zeros(16, np.int64), state.notes_played)
    walk_track(song, out, track, nothing_merged, empty, state, PASS_ASSIGN, ZERO)
    source.by = by


@helper
def divide_drums(song: Any, out: Any, state: Any) -> None:
    """Find the channels that play drums, and let their tracks be divided by piece."""
    for track in range(song.counters.tracks):
        source = song.tables.tracks[track]
        if source.note_count > 0 and may_play_drums(song.setup_groups, source.channels):
            find_played_notes(song, out, track, state)
            for channel in range(16):
                if source.channels >> channel & 1:
                    _, _, drums = sound_at(song, state, channel, state.channels[channel].onset)
                    if drums > 0:
                        source.drum_channels |= 1 << channel
            if source.drum_channels:
                source.by = BY_DRUM


@helper
def plan_drum_parts(song: Any, out: Any, track: int, state: Any) -> Any:
    """Return the parts of a track with channels that are divided by piece."""
    source = song.tables.tracks[track]
    find_played_notes(song, out, track, state)
    kit_maps = np.zeros(16, np.int64)
    for channel in range(16):
        if source.drum_channels >> channel & 1:
            program, bank, drums = sound_at(song, state, channel, state.channels[channel].onset)
            kit_maps[channel] = select_kit_map(drums, program, bank, song.counters.gs_resets > 0)
    return make_drum_parts(
        song.options.by, source.channels, source.drum_channels, kit_maps, state.notes_played
    )


@helper
def plan_parts(song: Any, out: Any, track: int, merged_events: Any, state: Any) -> Any:
    """Return the parts of a track, nothing written yet."""
    by = song.tables.tracks[track].by
    if by == BY_DRUM:
        parts = plan_drum_parts(song, out, track, state)
    elif by != BY_PROGRAM:
        parts = make_parts(by, song.tables.tracks[track].channels)
    else:
        empty = make_parts(ZERO + BY_TRACK, ZERO)
        _, change_keys = walk_track(song, out, track, merged_events, empty, state, PASS_ASSIGN, ZERO)
        parts = make_program_parts(state.played_keys[: state.played_key_count], change_keys)
    rewind_parts(parts)
    return parts
