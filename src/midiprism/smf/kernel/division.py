"""The division of the tracks of a song: how each is divided, and its parts."""

from typing import Any

import numpy as np

from midiprism.smf.kernel.channel_context import drums_at, value_since
from midiprism.smf.kernel.drum_pieces import select_kit_map
from midiprism.smf.kernel.event_writer import walk_track
from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.parts import make_drum_parts, make_parts, make_program_parts, rewind_parts
from midiprism.smf.kernel.row_types import (
    BY_DRUM,
    BY_PROGRAM,
    BY_TRACK,
    KEYS,
    NO_PROGRAM,
    PASS_ASSIGN,
    PITCHES,
    PROGRAM_SLOTS,
    SETUP_BANK,
    SETUP_PART_MODE,
    SETUP_PROGRAM,
    ZERO,
)

DRUM_CHANNEL = 9


@inlined
def set_divisions(tracks: Any, count: int, by: int) -> None:
    """Divide every track that plays in the same way."""
    for track in range(count):
        plays = tracks[track].note_count > 0
        tracks[track].by = by if plays else BY_TRACK
        tracks[track].is_kept = 1 if plays else 0


@inlined
def keep_tracks(tracks: Any, count: int, kept_tracks: Any) -> None:
    """Keep tracks of these numbers even if they play nothing."""
    for at in range(kept_tracks.shape[0]):
        if 0 <= kept_tracks[at] < count:
            tracks[kept_tracks[at]].is_kept = 1


@borrowing_helper
def may_play_drums(setup_groups: Any, port_uses: Any) -> bool:
    """Return whether drums may play on some of the channels of a track."""
    starts = setup_groups.group_starts
    addresses = 16 * port_uses.shape[0]
    for address in range(addresses):
        if port_uses[address >> 4].channels >> (address & 15) & 1:
            bank, mode = SETUP_BANK * addresses + address, SETUP_PART_MODE * addresses + address
            if (
                address & 15 == DRUM_CHANNEL
                or starts[bank] < starts[bank + 1]
                or starts[mode] < starts[mode + 1]
            ):
                return True
    return False


@borrowing_helper
def sound_at(song: Any, states: Any, address: int) -> tuple[int, int, int, int]:
    """Return program, bank, drum state and module of an address at its first note, as heard in the song.

    ``states`` are those of a walk over the track.
    """
    state, channel = states[address >> 4], address & 15
    settings = state.channels[channel]
    program, bank, drums, module = ZERO + NO_PROGRAM, settings.first_bank, settings.drums, state.module
    for index in range(state.played_key_count):
        if state.played_keys[index] // PROGRAM_SLOTS == channel:
            program = state.played_keys[index] % PROGRAM_SLOTS
            break
    ports = states.shape[0]
    if song.options.midi_format != 2:
        bank, module, song_drums = drums_at(song.setup_groups, ports, address, settings.onset)
        if song.options.merges:
            drums = song_drums
            if program == NO_PROGRAM:
                key = SETUP_PROGRAM * 16 * ports + address
                program = value_since(song.setup_groups, key, settings.onset, ZERO - 1, program)
    return program, bank, drums, module


@helper
def find_played_notes(song: Any, out: Any, track: int, states: Any) -> None:
    """Walk over a track, so that ``states`` have the notes that it plays."""
    ports = states.shape[0]
    for port in range(ports):
        if song.tables.port_uses[track * ports + port].channels:
            for note in range(16 * PITCHES):
                states[port].notes_played[note] = 0
    source = song.tables.tracks[track]
    by = source.by
    source.by = BY_DRUM
    nothing_merged = song.tables.conductor_events[:0]
    port_uses = song.tables.port_uses[track * ports : (track + 1) * ports]
    kit_maps = np.zeros(16 * ports, np.int64)
    empty = make_drum_parts(ZERO + BY_TRACK, False, port_uses, kit_maps, states)
    walk_track(song, out, track, nothing_merged, empty, states, PASS_ASSIGN, ZERO)
    source.by = by


@helper
def divide_drums(song: Any, out: Any, states: Any) -> None:
    """Find the channels that play drums, and let their tracks be divided by piece."""
    ports = states.shape[0]
    for track in range(song.counters.tracks):
        source = song.tables.tracks[track]
        port_uses = song.tables.port_uses[track * ports : (track + 1) * ports]
        if source.note_count > 0 and may_play_drums(song.setup_groups, port_uses):
            find_played_notes(song, out, track, states)
            for address in range(16 * ports):
                use = port_uses[address >> 4]
                if use.channels >> (address & 15) & 1:
                    _, _, drums, _ = sound_at(song, states, address)
                    if drums > 0:
                        use.drum_channels |= 1 << (address & 15)
                        source.by = BY_DRUM


@helper
def plan_drum_parts(song: Any, out: Any, track: int, states: Any) -> Any:
    """Return the parts of a track with channels that are divided by piece."""
    ports = states.shape[0]
    find_played_notes(song, out, track, states)
    port_uses = song.tables.port_uses[track * ports : (track + 1) * ports]
    kit_maps = np.zeros(16 * ports, np.int64)
    for address in range(16 * ports):
        if port_uses[address >> 4].drum_channels >> (address & 15) & 1:
            program, bank, drums, module = sound_at(song, states, address)
            kit_maps[address] = select_kit_map(drums, program, bank, module)
    return make_drum_parts(song.options.by, song.options.keeps_zones, port_uses, kit_maps, states)


@helper
def list_played_keys(states: Any) -> Any:
    """Return the keys that play, of each port in the order of their first notes."""
    count = 0
    for port in range(states.shape[0]):
        count += states[port].played_key_count
    keys = np.empty(count, np.int64)
    at = 0
    for port in range(states.shape[0]):
        for index in range(states[port].played_key_count):
            keys[at] = port * KEYS + states[port].played_keys[index]
            at += 1
    return keys


@helper
def plan_parts(song: Any, out: Any, track: int, merged_events: Any, states: Any) -> Any:
    """Return the parts of a track, nothing written yet."""
    by = song.tables.tracks[track].by
    ports = states.shape[0]
    port_uses = song.tables.port_uses[track * ports : (track + 1) * ports]
    if by == BY_DRUM:
        parts = plan_drum_parts(song, out, track, states)
    elif by != BY_PROGRAM:
        parts = make_parts(by, song.options.keeps_zones, port_uses)
    else:
        whole = make_parts(ZERO + BY_TRACK, False, port_uses)
        _, change_keys = walk_track(song, out, track, merged_events, whole, states, PASS_ASSIGN, ZERO)
        parts = make_program_parts(list_played_keys(states), change_keys, port_uses)
    rewind_parts(parts)
    return parts
