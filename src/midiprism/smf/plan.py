"""The plan of a parent's splits: what each will hold, and how many bytes, before any is allocated."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.conductor import conductor_guests, first_after
from midiprism.smf.divide import find_parts, walk
from midiprism.smf.jit import helper, inlined
from midiprism.smf.layout import (
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
    END_OF_TRACK,
    G_BY,
    G_FULL,
    G_MERGES,
    G_WALK_ALL,
    HEADER,
    LIMIT_OUTPUT,
    LIMIT_SPLITS,
    MEASURE,
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
    PROGRAMS,
    S_BANK,
    S_MODE,
    S_PROGRAM,
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
from midiprism.smf.lookup import lent_count, selected, with_lent
from midiprism.smf.parts import parts_of
from midiprism.smf.tables import drum_state, lead, room

DELTA_SLACK = 3
"""Bytes by which a delta time may be spelled longer than it has to be."""

INSERTION = 4
"""Most bytes that an inserted event takes beside itself and one for its delta time: the rest of that, and a
status restated behind it."""


class Song(NamedTuple):
    """What the planning and the writing of the splits need to know.

    ``settings`` are int64s that ``layout`` names with a G.
    """

    data: Any
    tables: Any
    counters: Any
    conductor: Any
    setup: Any
    others: Any
    settings: Any


@inlined
def own_bytes(row: Any) -> int:
    """Bytes of a split of the track with nothing inserted."""
    return int(HEADER + row[T_STOP] - row[T_BODY] + (END_OF_TRACK if row[T_END] < 0 else 0))


@inlined
def one_channel(channels: int) -> int:
    """The channel of the only bit that is set, or -1."""
    if channels & (channels - 1):
        return -1
    channel = 0
    while channels >> channel & 1 == 0:
        channel += 1
    return channel


@inlined
def choose(song: Any) -> None:
    """Decide which tracks' splits can be written by copying spans."""
    tracks = song.tables.tracks
    settings = song.settings
    simple = settings[G_BY] == BY_TRACK and not settings[G_WALK_ALL]
    for track in range(song.counters[N_TRACKS]):
        spliced = simple and tracks[track, T_REWRITE] == 0
        if spliced and settings[G_MERGES] and settings[G_FULL]:
            channels, tick = tracks[track, T_CHANNELS], tracks[track, T_TICKS]
            spliced = lent_count(song.others.ticks, song.others.begins, channels, tick) == 0
        tracks[track, T_SPLICED] = spliced


@helper
def least_output(tracks: Any, count: int, sizes: Any, events: Any, settings: Any) -> int:
    """A lower bound of the bytes of all splits, found without walking any track."""
    least = ZERO
    for track in range(count):
        if tracks[track, T_NOTES] > 0:
            copied = settings[G_BY] == BY_TRACK and not tracks[track, T_REWRITE]
            least += own_bytes(tracks[track]) if copied else HEADER
            if settings[G_MERGES]:
                # A delta time behind an inserted event may have been spelled longer than it has to be.
                count = first_after(events[:, E_TICK], tracks[track, T_TICKS])
                heard = sizes[count] - DELTA_SLACK * count
                least += max(0, heard - tracks[track, T_CONDUCTOR_SIZE])
    return least


@inlined
def most_spliced(row: Any, sizes: Any, events: Any, merges: bool) -> int:
    """An upper bound of the bytes of a spliced split."""
    most = own_bytes(row)
    if merges:
        count = first_after(events[:, E_TICK], row[T_TICKS])
        most += sizes[count] + INSERTION * (count + 1)
    return most


@helper
def fill_sound(
    split: Any,
    setup_ticks: Any,
    setup_values: Any,
    setup_begins: Any,
    gs: bool,
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
    split[O_OWN_PROGRAM] = program
    split[O_OWN_DRUMS] = drums
    if in_song:
        if program == NO_PROGRAM:
            key = S_PROGRAM * 16 + channel
            program = selected(setup_ticks, setup_values, setup_begins, key, tick, ZERO + NO_PROGRAM)
        bank = selected(setup_ticks, setup_values, setup_begins, S_BANK * 16 + channel, tick, ZERO - 1)
        mode = selected(setup_ticks, setup_values, setup_begins, S_MODE * 16 + channel, tick, ZERO - 1)
        drums = drum_state(channel, bank, mode, gs)
    split[O_SONG_PROGRAM] = program
    split[O_SONG_DRUMS] = drums


@inlined
def plan_spliced(split: Any, facts: Any) -> tuple[int, int, int, int]:
    """The facts of a spliced split, from the scan of its track; returns its lead channel, program, drums,
    onset."""
    split[O_CHANNEL] = one_channel(facts[T_CHANNELS])
    split[O_PROGRAM] = facts[T_PROGRAM]
    split[O_NOTES] = facts[T_NOTES]
    split[O_LOW] = facts[T_LOW]
    split[O_HIGH] = facts[T_HIGH]
    return facts[T_LEAD_CHANNEL], facts[T_LEAD_PROGRAM], facts[T_DRUMS], facts[T_ONSET]


@helper
def plan_part(split: Any, facts: Any, by: int, work: Any) -> tuple[int, int, int, int]:
    """The facts of a part, from the walk that measured it; returns its lead channel, program, drums,
    onset."""
    channel = facts[A_CHANNEL]
    key, program = lead(work, channel)
    onset, drums = facts[A_ONSET], facts[A_DRUMS]
    if channel < 0:
        state = W_CHANNELS + key // PROGRAMS * C_COLUMNS
        onset, drums = work[state + C_ONSET], work[state + C_DRUMS]
    if by == BY_PROGRAM:
        key = channel * PROGRAMS + facts[A_PROGRAM]
        program = -1 if facts[A_PROGRAM] == NO_PROGRAM else facts[A_PROGRAM]
    split[O_CHANNEL] = one_channel(facts[A_CHANNELS])
    split[O_PROGRAM] = program
    split[O_NOTES] = facts[A_NOTES]
    split[O_LOW] = facts[A_LOW]
    split[O_HIGH] = facts[A_HIGH]
    return key // PROGRAMS, key % PROGRAMS, drums, onset


@helper
def prepare_walk(song: Any, out: Any, track: int, work: Any) -> Any:
    """The guests and the parts of a track that is walked."""
    channels = song.tables.tracks[track, T_CHANNELS]
    guests = song.tables.conductor[:0]
    if song.settings[G_MERGES]:
        guests = conductor_guests(
            song.data, song.tables.tracks[track], song.tables.conductor, song.conductor.events, track
        )
        if song.settings[G_FULL]:
            guests = with_lent(song.tables, song.others, guests, track, channels)
    return guests, find_parts(song.data, out, song.tables, track, song.settings, channels, guests, work)


@helper
def spliced_bytes(song: Any, out: Any, work: Any, most: int) -> int:
    """Bytes of all spliced splits exactly, or more than ``most``."""
    total = ZERO
    for track in range(song.counters[N_TRACKS]):
        if song.tables.tracks[track, T_NOTES] > 0 and song.tables.tracks[track, T_SPLICED]:
            guests, parts = prepare_walk(song, out, track, work)
            size, _ = walk(
                song.data,
                out,
                song.tables,
                track,
                song.settings,
                guests,
                parts,
                work,
                MEASURE,
                most - total,
            )
            if size < 0:
                return int(most + 1)
            total += size + HEADER
    return int(total)


@inlined
def plan(song: Any, out: Any, work: Any, allowed: int, most_splits: int) -> Any:
    """The splits with their facts, and bytes that hold all of them, unless ``counters`` say that a limit is
    exceeded.

    Also the last track that was walked, with its guests and parts: as a rule there is but one.
    """
    tracks = song.tables.tracks
    counters = song.counters
    settings = song.settings
    sizes, events = song.conductor.sizes, song.conductor.events
    ticks, values, begins = song.setup.ticks, song.setup.values, song.setup.begins
    gs, in_song = counters[N_GS] > 0, settings[G_MERGES] > 0
    splits = np.empty((16, O_COLUMNS), np.int64)
    guests, parts = song.tables.conductor[:0], parts_of(ZERO + BY_TRACK, ZERO)
    walked = ZERO - 1
    count = ZERO
    exact = ZERO
    bound = ZERO
    for track in range(counters[N_TRACKS]):
        if tracks[track, T_NOTES] == 0:
            continue
        number = ZERO + 1
        if tracks[track, T_SPLICED]:
            bound += most_spliced(tracks[track], sizes, events, settings[G_MERGES] > 0)
        else:
            guests, parts = prepare_walk(song, out, track, work)
            walked = track
            number = parts.rows.shape[0]
            if count + number > most_splits:
                counters[N_STATUS] = LIMIT_SPLITS
                return splits[:0], ZERO - 1, walked, guests, parts
            exact += number * HEADER
            size, _ = walk(
                song.data,
                out,
                song.tables,
                track,
                settings,
                guests,
                parts,
                work,
                MEASURE,
                allowed - exact,
            )
            if size < 0:
                counters[N_STATUS] = LIMIT_OUTPUT
                return splits[:0], ZERO - 1, walked, guests, parts
            exact += size
        for part in range(number):
            splits = room(splits, count)
            split = splits[count]
            if tracks[track, T_SPLICED]:
                channel, program, drums, onset = plan_spliced(split, tracks[track])
            else:
                split[O_STOP] = parts.rows[part, A_AT]
                channel, program, drums, onset = plan_part(split, parts.rows[part], settings[G_BY], work)
            fill_sound(split, ticks, values, begins, gs, in_song, channel, program, drums, onset)
            split[O_TRACK] = track
            split[O_TICKS] = tracks[track, T_TICKS]
            split[O_NAME] = tracks[track, T_NAME]
            split[O_NAME_LENGTH] = tracks[track, T_NAME_LENGTH]
            count += 1
    if exact + bound > allowed and exact + spliced_bytes(song, out, work, allowed - exact) > allowed:
        counters[N_STATUS] = LIMIT_OUTPUT
    elif count > most_splits:
        counters[N_STATUS] = LIMIT_SPLITS
    return splits[:count], exact + bound, walked, guests, parts
