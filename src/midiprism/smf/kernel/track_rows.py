"""The rows of a source track: what its scan has found, and what it plays on each port."""

from typing import Any

from midiprism.smf import problems
from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.note_hash import add_hashes
from midiprism.smf.kernel.problem_counts import count_problem
from midiprism.smf.kernel.row_types import (
    ALL_CHANNELS_MASK,
    KEYS,
    PROGRAM_SLOTS,
    ZERO,
    ZONE_LOWER,
    ZONE_UPPER,
)
from midiprism.smf.kernel.track_state import (
    channels_played,
    end_hanging_notes,
    is_one_instrument,
    lead_key_and_program,
)


@inlined
def begin_track_row(tables: Any, track: int, counters: Any, body: int, ports: int) -> None:
    """Fill what is known of a track before its scan."""
    source = tables.tracks[track]
    source.body = body
    source.end_of_track = -1
    source.needs_rewrite = 0
    source.states_device = 0
    source.name_start = -1
    source.name_size = 0
    source.conductor_size = 0
    source.context_size = 0
    source.checkpoint_start = counters.checkpoints
    source.conductor_start = counters.conductor_events
    for port in range(ports):
        use = tables.port_uses[track * ports + port]
        use.is_stated = 0
        use.drum_channels = 0


@borrowing_helper
def fill_port_use(use: Any, state: Any, channels: int) -> None:
    """Fill what a track plays on a port; ``channels`` are those on which it plays."""
    use.channels = channels
    use.lower_zone = 0
    use.upper_zone = 0
    use.lower_members = state.most_lower_members
    use.upper_members = state.most_upper_members
    for channel in range(16):
        use.last_note_ticks[channel] = state.last_note_ticks[channel]
    if state.most_lower_members + state.most_upper_members == 0:
        return
    for channel in range(16):
        if channels >> channel & 1:
            zone = state.channels[channel].zone
            use.lower_zone |= (1 if zone == ZONE_LOWER else 0) << channel
            use.upper_zone |= (1 if zone == ZONE_UPPER else 0) << channel


@inlined
def finish_track_row(tables: Any, track: int, counters: Any, states: Any, stop: int, ticks: int) -> None:
    """Fill what the scan of a track has found, and count the notes that are never ended."""
    source = tables.tracks[track]
    home = states[0]
    ports = states.shape[0]
    hanging = ZERO
    source.note_count = 0
    source.lowest_pitch = 127
    source.highest_pitch = 0
    source.note_hash = 0
    source.channels = 0
    source.port = -1
    playing_ports = ZERO
    for port in range(ports):
        state = states[port]
        if state.sounding_count > 0:
            hanging += state.sounding_count
            end_hanging_notes(state, ticks)
        channels = channels_played(state)
        fill_port_use(tables.port_uses[track * ports + port], state, channels)
        if channels:
            playing_ports += 1
            source.port = port
        source.channels |= channels
        source.note_count += state.note_count
        source.lowest_pitch = min(source.lowest_pitch, state.lowest_pitch)
        source.highest_pitch = max(source.highest_pitch, state.highest_pitch)
        source.note_hash = add_hashes(source.note_hash, state.note_hash)
    if playing_ports > 1:
        source.port = -1
    if hanging > 0:
        count_problem(home, problems.HANGING_NOTES, stop)
        home.problem_counts[problems.HANGING_NOTES] = hanging
    key, program = lead_key_and_program(
        states, tables.port_uses, track * ports, ZERO - 1, ZERO + ALL_CHANNELS_MASK
    )
    key = max(key, 0)
    settings = states[key // KEYS].channels[key // PROGRAM_SLOTS & 15]
    source.stop = stop
    source.ticks = ticks
    source.checkpoint_stop = counters.checkpoints
    source.conductor_stop = counters.conductor_events
    source.lead_channel = key // PROGRAM_SLOTS
    source.lead_program = key % PROGRAM_SLOTS
    source.program = program
    source.onset = settings.onset
    source.drums = settings.drums
    source.one_instrument = 0
    if source.channels & (source.channels - 1) or playing_ports > 1:
        source.one_instrument = 1 if is_one_instrument(states, program) else 0
