"""The plan of a song's splits: what each will hold, and how many bytes, before any is allocated."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.channel_context import (
    context_events_size,
    count_context_events,
    drums_at,
    merge_context_events,
    value_since,
)
from midiprism.smf.kernel.conductor import bisect_right, find_events_to_merge
from midiprism.smf.kernel.division import plan_parts
from midiprism.smf.kernel.event_writer import walk_track
from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.parts import make_parts
from midiprism.smf.kernel.ports import NO_PORT, row_of_port
from midiprism.smf.kernel.row_types import (
    ALL_CHANNELS_MASK,
    BY_DRUM,
    BY_PROGRAM,
    BY_TRACK,
    END_OF_TRACK_SIZE,
    EVENT,
    KEYS,
    LIMIT_OUTPUT,
    LIMIT_OUTPUT_TRACKS,
    NO_LIMIT,
    NO_PROGRAM,
    OUTPUT_HEADER_SIZE,
    OUTPUT_TRACK,
    PASS_MEASURE,
    PROGRAM_SLOTS,
    SETUP_PROGRAM,
    ZERO,
)
from midiprism.smf.kernel.scan_tables import double_length
from midiprism.smf.kernel.track_state import lead_key_and_program

DELTA_SLACK = 3
"""Most bytes by which a delta time may be longer than it has to be."""

MAX_INSERTION_OVERHEAD = 4
"""Most bytes that a merged event takes beyond its own and one for its delta time: the rest of the delta time,
and a status restated after it."""


class LeadSound(NamedTuple):
    """The sound that plays most notes of a split: its address, program, drum state, and first tick."""

    address: Any
    program: Any
    drums: Any
    onset: Any


class OutputPlan(NamedTuple):
    """The planned splits, and bytes that hold all of them.

    Also the last track that was walked, with its merged events and parts: mostly there is but one.
    """

    tracks: Any
    size: Any
    walked_track: Any
    merged_events: Any
    parts: Any


@inlined
def unmerged_size(source: Any) -> int:
    """Return the bytes of a split of the track with nothing merged."""
    return int(
        OUTPUT_HEADER_SIZE + source.stop - source.body + (END_OF_TRACK_SIZE if source.end_of_track < 0 else 0)
    )


@inlined
def single_channel(channels: int) -> int:
    """Return the channel of the only bit that is set, or -1."""
    if channels == 0 or channels & (channels - 1):
        return -1
    channel = 0
    while channels >> channel & 1 == 0:
        channel += 1
    return channel


@borrowing_helper
def mark_copied_tracks(song: Any, ports: int) -> None:
    """Decide which tracks' splits can be written by copying spans."""
    options = song.options
    for track in range(song.counters.tracks):
        source = song.tables.tracks[track]
        copied = source.by == BY_TRACK and source.needs_rewrite == 0 and not options.event_by_event
        if copied and options.merges and options.full_context:
            count = count_context_events(
                song.context_groups, song.tables.port_uses, track, ports, source.ticks
            )
            copied = count == 0
        source.is_copied = 1 if copied else 0


@borrowing_helper
def min_output_size(song: Any, ports: int) -> int:
    """Return a lower bound of the bytes of all splits, found without walking any track."""
    options = song.options
    sizes, events = song.conductor.cumulative_sizes, song.conductor.events
    least = ZERO
    for track in range(song.counters.tracks):
        source = song.tables.tracks[track]
        if source.is_kept:
            least += unmerged_size(source) if source.is_copied else OUTPUT_HEADER_SIZE
            if options.merges:
                count = bisect_right(events["tick"], source.ticks)
                # The delta time after a merged event may have been longer than it has to be.
                slack = DELTA_SLACK * count if source.is_copied else 0
                least += max(0, sizes[count] - slack - source.conductor_size)
                if options.full_context:
                    context = context_events_size(
                        song.context_groups, song.tables.port_uses, track, ports, source.ticks
                    )
                    least += max(0, context - source.context_size)
    return least


@inlined
def max_copied_size(source: Any, conductor: Any, merges: bool) -> int:
    """Return an upper bound of the bytes of a copied split."""
    most = unmerged_size(source)
    if merges:
        count = bisect_right(conductor.events["tick"], source.ticks)
        most += conductor.cumulative_sizes[count] + MAX_INSERTION_OVERHEAD * (count + 1)
    return most


@borrowing_helper
def fill_instrument(output: Any, groups: Any, ports: int, in_song: bool, lead: Any) -> None:
    """Fill what a split plays, by itself and in its song: the sound of its lead address at its first note.

    In the song a program that the track itself selects counts, else the last that any track selects; what all
    tracks send decides whether it plays drums. ``groups`` is the setup table by key.
    """
    output.own_program = lead.program
    output.own_drums = lead.drums
    program, drums = lead.program, lead.drums
    if in_song:
        address, onset = lead.address, lead.onset
        if program == NO_PROGRAM:
            key = SETUP_PROGRAM * 16 * ports + address
            program = value_since(groups, key, onset, ZERO - 1, ZERO + NO_PROGRAM)
        _, _, drums = drums_at(groups, ports, address, onset)
    output.song_program = program
    output.song_drums = drums


@inlined
def port_number(tables: Any, track: int, ports: int, index: int) -> int:
    """Return the number of a port on which a track plays; -1 where it plays on several or states none."""
    if index > 0:
        return int(tables.ports[row_of_port(tables.ports, index)].number)
    if index < 0 or tables.port_uses[track * ports].is_stated == 0:
        return NO_PORT
    return 0


@inlined
def last_note_tick(port_uses: Any, port: int, channels: int) -> int:
    """Return where the last note of some channels ends, on a port or, where it is -1, on any."""
    last = 0
    for number in range(port_uses.shape[0]):
        if port < 0 or port == number:
            for channel in range(16):
                if channels >> channel & 1:
                    last = max(last, port_uses[number].last_note_ticks[channel])
    return last


@inlined
def plan_copied_track(output: Any, source: Any) -> LeadSound:
    """Fill the facts of a copied split from the scan of its track; return its lead sound."""
    output.port = source.port
    output.channel = single_channel(source.channels)
    output.program = source.program
    output.drum_piece = -1
    output.note_count = source.note_count
    output.lowest_pitch = source.lowest_pitch
    output.highest_pitch = source.highest_pitch
    output.note_hash = source.note_hash
    return LeadSound(source.lead_channel, source.lead_program, source.drums, source.onset)


@borrowing_helper
def plan_part(output: Any, port_uses: Any, ticks: int, part: Any, by: int, states: Any) -> LeadSound:
    """Fill the facts of a part from the walk that measured it; return its lead sound.

    ``port_uses`` are what its track plays on each port, ``ticks`` is where the track ends.
    """
    # A zone of MPE may have drum channels, which are divided by piece.
    own_channels = part.channels
    if part.port >= 0 and part.drum_piece < 0:
        own_channels &= ~port_uses[part.port].drum_channels
    key, program = lead_key_and_program(states, port_uses, ZERO, part.port, own_channels)
    key = max(key, 0)  # also of a track that plays nothing
    settings = states[key // KEYS].channels[key // PROGRAM_SLOTS & 15]
    onset, drums = settings.onset, settings.drums
    if by == BY_PROGRAM or part.drum_piece >= 0:
        key = (part.port * 16 + single_channel(part.channels)) * PROGRAM_SLOTS + part.program
        program = -1 if part.program == NO_PROGRAM or part.plays_programs else part.program
        onset, drums = part.onset, part.drums
    output.port = part.port
    channels = ZERO
    playing_ports = 0
    for port in range(port_uses.shape[0]):
        use = port_uses[port]
        played = use.channels & own_channels & (ALL_CHANNELS_MASK if part.port >= 0 else ~use.drum_channels)
        if played and (part.port < 0 or part.port == port):
            channels |= played
            playing_ports += 1
            output.port = port if playing_ports == 1 else -1
    output.channel = single_channel(channels)
    output.program = program
    if by in (BY_PROGRAM, BY_DRUM):
        output.last_note_tick = ticks if part.sounding_count > 0 else part.last_note_tick
    else:
        output.last_note_tick = last_note_tick(port_uses, part.port, part.channels)
    output.drum_piece = part.drum_piece
    output.note_count = part.note_count
    output.lowest_pitch = part.lowest_pitch
    output.highest_pitch = part.highest_pitch
    output.note_hash = part.note_hash
    output.stop = part.position  # until its place in the output is known, its size
    return LeadSound(key // PROGRAM_SLOTS, key % PROGRAM_SLOTS, drums, onset)


@borrowing_helper
def plan_track(
    song: Any, outputs: Any, first: int, part_count: int, track: int, parts: Any, states: Any
) -> None:
    """Fill the rows of a track's splits, from ``first`` on."""
    ports = states.shape[0]
    source = song.tables.tracks[track]
    port_uses = song.tables.port_uses[track * ports : (track + 1) * ports]
    for row in range(part_count):
        output = outputs[first + row]
        if source.is_copied:
            lead = plan_copied_track(output, source)
            output.last_note_tick = last_note_tick(port_uses, ZERO - 1, source.channels)
        else:
            lead = plan_part(output, port_uses, source.ticks, parts.rows[row], source.by, states)
        fill_instrument(output, song.setup_groups, ports, song.options.merges, lead)
        output.port = port_number(song.tables, track, ports, output.port)
        output.track = track
        output.ticks = source.ticks
        output.name_start = source.name_start
        output.name_size = source.name_size


@helper
def prepare_walk(song: Any, out: Any, track: int, states: Any) -> Any:
    """Return the merged events and the parts of a track that is walked."""
    merged_events = song.tables.conductor_events[:0]
    if song.options.merges:
        source = song.tables.tracks[track]
        events = song.conductor.events
        merged_events = np.empty(bisect_right(events["tick"], source.ticks), EVENT)
        count = find_events_to_merge(
            song.data, source, song.tables.conductor_events, events, track, merged_events
        )
        merged_events = merged_events[:count]
        if song.options.full_context:
            merged_events = merge_context_events(
                song.tables, song.context_groups, merged_events, track, states.shape[0]
            )
    return merged_events, plan_parts(song, out, track, merged_events, states)


@helper
def copied_tracks_size(song: Any, out: Any, states: Any, max_bytes: int) -> int:
    """Return the bytes of all copied splits exactly, or more than ``max_bytes``."""
    total = ZERO
    for track in range(song.counters.tracks):
        source = song.tables.tracks[track]
        if source.is_kept and source.is_copied:
            merged_events, parts = prepare_walk(song, out, track, states)
            size, _ = walk_track(
                song, out, track, merged_events, parts, states, PASS_MEASURE, max_bytes - total
            )
            if size < 0:
                return int(max_bytes + 1)
            total += size + OUTPUT_HEADER_SIZE
    return int(total)


@inlined
def plan_output(song: Any, out: Any, states: Any, max_output_bytes: int, max_output_tracks: int) -> Any:
    """Return the plan of all splits; it is empty where ``counters.status`` says that a limit is exceeded."""
    counters, options = song.counters, song.options
    outputs = np.empty(16, OUTPUT_TRACK)
    merged_events, parts = (
        song.tables.conductor_events[:0],
        make_parts(ZERO + BY_TRACK, False, song.tables.port_uses[: states.shape[0]]),
    )
    walked = ZERO - 1
    count = ZERO
    exact = ZERO
    bound = ZERO
    for track in range(counters.tracks):
        source = song.tables.tracks[track]
        if source.is_kept == 0:
            continue
        part_count = ZERO + 1
        if source.is_copied:
            bound += max_copied_size(source, song.conductor, options.merges)
        else:
            merged_events, parts = prepare_walk(song, out, track, states)
            walked = track
            part_count = parts.rows.shape[0]
            if count + part_count > max_output_tracks:
                counters.status = LIMIT_OUTPUT_TRACKS
                return OutputPlan(outputs[:0], ZERO - 1, walked, merged_events, parts)
            exact += part_count * OUTPUT_HEADER_SIZE
            size, _ = walk_track(
                song, out, track, merged_events, parts, states, PASS_MEASURE, max_output_bytes - exact
            )
            if size < 0:
                counters.status = LIMIT_OUTPUT
                return OutputPlan(outputs[:0], ZERO - 1, walked, merged_events, parts)
            exact += size
        while count + part_count > outputs.shape[0]:
            outputs = double_length(outputs, count, NO_LIMIT)
        plan_track(song, outputs, count, part_count, track, parts, states)
        count += part_count
    if (
        exact + bound > max_output_bytes
        and exact + copied_tracks_size(song, out, states, max_output_bytes - exact) > max_output_bytes
    ):
        counters.status = LIMIT_OUTPUT
    elif count > max_output_tracks:
        counters.status = LIMIT_OUTPUT_TRACKS
    return OutputPlan(outputs[:count], exact + bound, walked, merged_events, parts)
