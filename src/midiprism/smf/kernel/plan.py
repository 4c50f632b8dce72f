"""The plan of a song's splits: what each will hold, and how many bytes, before any is allocated."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.buffers import drum_state, ensure_capacity, lead_channel_and_program
from midiprism.smf.kernel.channel_context import (
    count_context_events,
    last_value_at_tick,
    merge_context_events,
)
from midiprism.smf.kernel.conductor import bisect_right, conductor_events_to_merge
from midiprism.smf.kernel.event_writer import plan_parts, walk_track
from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.parts import make_parts
from midiprism.smf.kernel.row_fields import (
    A_AT,
    A_CHANNEL,
    A_CHANNELS,
    A_DRUMS,
    A_HIGH,
    A_LOW,
    A_NOTES,
    A_ONSET,
    A_PROGRAM,
    BY_PROGRAM,
    BY_TRACK,
    C_COLUMNS,
    C_DRUMS,
    C_ONSET,
    E_TICK,
    END_OF_TRACK_SIZE,
    G_BY,
    G_FULL,
    G_MERGES,
    G_WALK_ALL,
    LIMIT_OUTPUT,
    LIMIT_OUTPUT_TRACKS,
    N_GS,
    N_STATUS,
    N_TRACKS,
    NO_PROGRAM,
    O_CHANNEL,
    O_COLUMNS,
    O_HIGH,
    O_LOW,
    O_NAME,
    O_NAME_LENGTH,
    O_NOTES,
    O_OWN_DRUMS,
    O_OWN_PROGRAM,
    O_PROGRAM,
    O_SONG_DRUMS,
    O_SONG_PROGRAM,
    O_STOP,
    O_TICKS,
    O_TRACK,
    OUTPUT_HEADER_SIZE,
    PASS_MEASURE,
    PROGRAM_SLOTS,
    SETUP_BANK,
    SETUP_PART_MODE,
    SETUP_PROGRAM,
    T_BODY,
    T_CHANNELS,
    T_CONDUCTOR_SIZE,
    T_DRUMS,
    T_END,
    T_HIGH,
    T_LEAD_CHANNEL,
    T_LEAD_PROGRAM,
    T_LOW,
    T_NAME,
    T_NAME_LENGTH,
    T_NOTES,
    T_ONSET,
    T_PROGRAM,
    T_REWRITE,
    T_SPLICED,
    T_STOP,
    T_TICKS,
    W_CHANNELS,
    ZERO,
)

DELTA_SLACK = 3
"""Bytes by which a delta time may be spelled longer than it has to be."""

MAX_INSERTION_OVERHEAD = 4
"""Most bytes that an inserted event takes beside itself and one for its delta time: the rest of that, and a
status restated behind it."""


class ScannedSong(NamedTuple):
    """What the planning and the writing of the splits need to know.

    ``settings`` are int64s that ``layout`` names with a G.
    """

    data: Any
    tables: Any
    counters: Any
    conductor: Any
    setup_groups: Any
    context_groups: Any
    kernel_options: Any


@inlined
def unmerged_size(row: Any) -> int:
    """Bytes of a split of the track with nothing inserted."""
    return int(OUTPUT_HEADER_SIZE + row[T_STOP] - row[T_BODY] + (END_OF_TRACK_SIZE if row[T_END] < 0 else 0))


@inlined
def single_channel(channels: int) -> int:
    """The channel of the only bit that is set, or -1."""
    if channels & (channels - 1):
        return -1
    channel = 0
    while channels >> channel & 1 == 0:
        channel += 1
    return channel


@inlined
def mark_copyable_tracks(song: Any) -> None:
    """Decide which tracks' splits can be written by copying spans."""
    tracks = song.tables.tracks
    settings = song.kernel_options
    simple = settings[G_BY] == BY_TRACK and not settings[G_WALK_ALL]
    for track in range(song.counters[N_TRACKS]):
        spliced = simple and tracks[track, T_REWRITE] == 0
        if spliced and settings[G_MERGES] and settings[G_FULL]:
            channels, tick = tracks[track, T_CHANNELS], tracks[track, T_TICKS]
            spliced = (
                count_context_events(
                    song.context_groups.ticks, song.context_groups.group_starts, channels, tick
                )
                == 0
            )
        tracks[track, T_SPLICED] = spliced


@helper
def min_output_size(tracks: Any, count: int, sizes: Any, events: Any, kernel_options: Any) -> int:
    """A lower bound of the bytes of all splits, found without walking any track."""
    least = ZERO
    for track in range(count):
        if tracks[track, T_NOTES] > 0:
            copied = kernel_options[G_BY] == BY_TRACK and not tracks[track, T_REWRITE]
            least += unmerged_size(tracks[track]) if copied else OUTPUT_HEADER_SIZE
            if kernel_options[G_MERGES]:
                # A delta time behind an inserted event may have been spelled longer than it has to be.
                count = bisect_right(events[:, E_TICK], tracks[track, T_TICKS])
                heard = sizes[count] - DELTA_SLACK * count
                least += max(0, heard - tracks[track, T_CONDUCTOR_SIZE])
    return least


@inlined
def max_copied_size(row: Any, sizes: Any, events: Any, merges: bool) -> int:
    """An upper bound of the bytes of a spliced split."""
    most = unmerged_size(row)
    if merges:
        count = bisect_right(events[:, E_TICK], row[T_TICKS])
        most += sizes[count] + MAX_INSERTION_OVERHEAD * (count + 1)
    return most


@helper
def fill_instrument(
    output_track: Any,
    setup_ticks: Any,
    setup_values: Any,
    setup_group_starts: Any,
    gs_reset_seen: bool,
    in_song: bool,
    channel: int,
    program: int,
    drums: int,
    tick: int,
) -> None:
    """What a split plays, by itself and in its song: its lead channel, at its first note.

    In the song a program that the track itself selects rules, else the last that any track selects; drums
    are told by what all tracks say.
    """
    output_track[O_OWN_PROGRAM] = program
    output_track[O_OWN_DRUMS] = drums
    if in_song:
        if program == NO_PROGRAM:
            key = SETUP_PROGRAM * 16 + channel
            program = last_value_at_tick(
                setup_ticks, setup_values, setup_group_starts, key, tick, ZERO + NO_PROGRAM
            )
        bank = last_value_at_tick(
            setup_ticks, setup_values, setup_group_starts, SETUP_BANK * 16 + channel, tick, ZERO - 1
        )
        mode = last_value_at_tick(
            setup_ticks, setup_values, setup_group_starts, SETUP_PART_MODE * 16 + channel, tick, ZERO - 1
        )
        drums = drum_state(channel, bank, mode, gs_reset_seen)
    output_track[O_SONG_PROGRAM] = program
    output_track[O_SONG_DRUMS] = drums


@inlined
def plan_copied_track(output_track: Any, track_row: Any) -> tuple[int, int, int, int]:
    """The facts of a spliced split, from the scan of its track; returns its lead channel, program, drums,
    onset."""
    output_track[O_CHANNEL] = single_channel(track_row[T_CHANNELS])
    output_track[O_PROGRAM] = track_row[T_PROGRAM]
    output_track[O_NOTES] = track_row[T_NOTES]
    output_track[O_LOW] = track_row[T_LOW]
    output_track[O_HIGH] = track_row[T_HIGH]
    return track_row[T_LEAD_CHANNEL], track_row[T_LEAD_PROGRAM], track_row[T_DRUMS], track_row[T_ONSET]


@helper
def plan_part(output_track: Any, part_row: Any, by: int, track_state: Any) -> tuple[int, int, int, int]:
    """The facts of a part, from the walk that measured it; returns its lead channel, program, drums,
    onset."""
    channel = part_row[A_CHANNEL]
    key, program = lead_channel_and_program(track_state, channel)
    onset, drums = part_row[A_ONSET], part_row[A_DRUMS]
    if channel < 0:
        state = W_CHANNELS + key // PROGRAM_SLOTS * C_COLUMNS
        onset, drums = track_state[state + C_ONSET], track_state[state + C_DRUMS]
    if by == BY_PROGRAM:
        key = channel * PROGRAM_SLOTS + part_row[A_PROGRAM]
        program = -1 if part_row[A_PROGRAM] == NO_PROGRAM else part_row[A_PROGRAM]
    output_track[O_CHANNEL] = single_channel(part_row[A_CHANNELS])
    output_track[O_PROGRAM] = program
    output_track[O_NOTES] = part_row[A_NOTES]
    output_track[O_LOW] = part_row[A_LOW]
    output_track[O_HIGH] = part_row[A_HIGH]
    return key // PROGRAM_SLOTS, key % PROGRAM_SLOTS, drums, onset


@helper
def prepare_walk(song: Any, out: Any, track: int, track_state: Any) -> Any:
    """The guests and the parts of a track that is walked."""
    channels = song.tables.tracks[track, T_CHANNELS]
    guests = song.tables.conductor_events[:0]
    if song.kernel_options[G_MERGES]:
        guests = conductor_events_to_merge(
            song.data, song.tables.tracks[track], song.tables.conductor_events, song.conductor.events, track
        )
        if song.kernel_options[G_FULL]:
            guests = merge_context_events(song.tables, song.context_groups, guests, track, channels)
    return guests, plan_parts(
        song.data, out, song.tables, track, song.kernel_options, channels, guests, track_state
    )


@helper
def copied_tracks_size(song: Any, out: Any, track_state: Any, max_bytes: int) -> int:
    """Bytes of all spliced splits exactly, or more than ``most``."""
    total = ZERO
    for track in range(song.counters[N_TRACKS]):
        if song.tables.tracks[track, T_NOTES] > 0 and song.tables.tracks[track, T_SPLICED]:
            guests, parts = prepare_walk(song, out, track, track_state)
            size, _ = walk_track(
                song.data,
                out,
                song.tables,
                track,
                song.kernel_options,
                guests,
                parts,
                track_state,
                PASS_MEASURE,
                max_bytes - total,
            )
            if size < 0:
                return int(max_bytes + 1)
            total += size + OUTPUT_HEADER_SIZE
    return int(total)


@inlined
def plan_output(song: Any, out: Any, track_state: Any, max_output_bytes: int, max_output_tracks: int) -> Any:
    """The splits with their facts, and bytes that hold all of them, unless ``counters`` say that a limit is
    exceeded.

    Also the last track that was walked, with its guests and parts: as a rule there is but one.
    """
    tracks = song.tables.tracks
    counters = song.counters
    settings = song.kernel_options
    sizes, events = song.conductor.cumulative_sizes, song.conductor.events
    ticks, values, begins = song.setup_groups.ticks, song.setup_groups.values, song.setup_groups.group_starts
    gs, in_song = counters[N_GS] > 0, settings[G_MERGES] > 0
    splits = np.empty((16, O_COLUMNS), np.int64)
    guests, parts = song.tables.conductor_events[:0], make_parts(ZERO + BY_TRACK, ZERO)
    walked = ZERO - 1
    count = ZERO
    exact = ZERO
    bound = ZERO
    for track in range(counters[N_TRACKS]):
        if tracks[track, T_NOTES] == 0:
            continue
        number = ZERO + 1
        if tracks[track, T_SPLICED]:
            bound += max_copied_size(tracks[track], sizes, events, settings[G_MERGES] > 0)
        else:
            guests, parts = prepare_walk(song, out, track, track_state)
            walked = track
            number = parts.rows.shape[0]
            if count + number > max_output_tracks:
                counters[N_STATUS] = LIMIT_OUTPUT_TRACKS
                return splits[:0], ZERO - 1, walked, guests, parts
            exact += number * OUTPUT_HEADER_SIZE
            size, _ = walk_track(
                song.data,
                out,
                song.tables,
                track,
                settings,
                guests,
                parts,
                track_state,
                PASS_MEASURE,
                max_output_bytes - exact,
            )
            if size < 0:
                counters[N_STATUS] = LIMIT_OUTPUT
                return splits[:0], ZERO - 1, walked, guests, parts
            exact += size
        for part in range(number):
            splits = ensure_capacity(splits, count)
            split = splits[count]
            if tracks[track, T_SPLICED]:
                channel, program, drums, onset = plan_copied_track(split, tracks[track])
            else:
                split[O_STOP] = parts.rows[part, A_AT]
                channel, program, drums, onset = plan_part(
                    split, parts.rows[part], settings[G_BY], track_state
                )
            fill_instrument(split, ticks, values, begins, gs, in_song, channel, program, drums, onset)
            split[O_TRACK] = track
            split[O_TICKS] = tracks[track, T_TICKS]
            split[O_NAME] = tracks[track, T_NAME]
            split[O_NAME_LENGTH] = tracks[track, T_NAME_LENGTH]
            count += 1
    if (
        exact + bound > max_output_bytes
        and exact + copied_tracks_size(song, out, track_state, max_output_bytes - exact) > max_output_bytes
    ):
        counters[N_STATUS] = LIMIT_OUTPUT
    elif count > max_output_tracks:
        counters[N_STATUS] = LIMIT_OUTPUT_TRACKS
    return splits[:count], exact + bound, walked, guests, parts
