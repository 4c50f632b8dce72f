"""The plan of a parent's splits: what each will hold, and how many bytes, before any is allocated."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.conductor import conductor_guests, first_after, heard_bytes
from midiprism.smf.divide import find_parts, walk
from midiprism.smf.jit import helper, inlined
from midiprism.smf.layout import (
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
    G_FORMAT,
    G_FULL,
    G_MERGES,
    G_WALK_ALL,
    HEADER,
    LIMIT_OUTPUT,
    LIMIT_SPLITS,
    MEASURE,
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
    O_TICKS,
    O_TRACK,
    PROGRAMS,
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
    T_STOP,
    T_TICKS,
    W_CHANNELS,
    ZERO,
)
from midiprism.smf.lookup import lent_count, sound_in_song, with_lent
from midiprism.smf.parts import parts_of
from midiprism.smf.tables import lead, room

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


@helper
def own_bytes(row: Any) -> int:
    """Bytes of a split of the track with nothing inserted."""
    return int(HEADER + row[T_STOP] - row[T_BODY] + (END_OF_TRACK if row[T_END] < 0 else 0))


@helper
def one_channel(channels: int) -> int:
    """The channel of the only bit that is set, or -1."""
    if channels & (channels - 1):
        return -1
    channel = 0
    while channels >> channel & 1 == 0:
        channel += 1
    return channel


@helper
def is_spliced(song: Any, track: int) -> bool:
    """Whether a track's split can be written by copying spans."""
    row = song.tables.tracks[track]
    if song.settings[G_BY] != BY_TRACK or row[T_REWRITE] or song.settings[G_WALK_ALL]:
        return False
    if song.settings[G_MERGES] and song.settings[G_FULL]:
        return lent_count(song.tables, song.others, track, row[T_CHANNELS]) == 0
    return True


@helper
def least_output(song: Any) -> int:
    """A lower bound of the bytes of all splits, found without walking any track."""
    least = 0
    for track in range(song.counters[N_TRACKS]):
        row = song.tables.tracks[track]
        if row[T_NOTES] > 0:
            least += own_bytes(row) if song.settings[G_BY] == BY_TRACK else HEADER
            if song.settings[G_MERGES]:
                least += max(0, heard_bytes(song.conductor, row[T_TICKS]) - row[T_CONDUCTOR_SIZE])
    return int(least)


@helper
def most_spliced(song: Any, track: int) -> int:
    """An upper bound of the bytes of a spliced split."""
    row = song.tables.tracks[track]
    most = own_bytes(row)
    if song.settings[G_MERGES]:
        count = first_after(song.conductor.events[:, E_TICK], row[T_TICKS])
        most += heard_bytes(song.conductor, row[T_TICKS]) + INSERTION * (count + 1)
    return int(most)


@helper
def fill_sound(song: Any, splits: Any, row: int, channel: int, program: int, drums: int, onset: int) -> None:
    """What a split plays, by itself and in its song: of its lead channel, at its first note."""
    splits[row, O_OWN_PROGRAM] = program
    splits[row, O_OWN_DRUMS] = drums
    if song.settings[G_FORMAT] != 2:
        program, drums = sound_in_song(song.tables.setup, song.setup, song.counters, channel, program, onset)
    splits[row, O_SONG_PROGRAM] = program
    splits[row, O_SONG_DRUMS] = drums


@helper
def plan_spliced(song: Any, splits: Any, row: int, track: int) -> None:
    """The facts of a spliced split, from the scan of its track."""
    facts = song.tables.tracks[track]
    splits[row, O_CHANNEL] = one_channel(facts[T_CHANNELS])
    splits[row, O_PROGRAM] = facts[T_PROGRAM]
    splits[row, O_NOTES] = facts[T_NOTES]
    splits[row, O_LOW] = facts[T_LOW]
    splits[row, O_HIGH] = facts[T_HIGH]
    fill_sound(
        song, splits, row, facts[T_LEAD_CHANNEL], facts[T_LEAD_PROGRAM], facts[T_DRUMS], facts[T_ONSET]
    )


@helper
def plan_part(song: Any, splits: Any, row: int, parts: Any, part: int, work: Any) -> None:
    """The facts of a part, from the walk that measured it."""
    facts = parts.rows[part]
    channel = facts[A_CHANNEL]
    key, program = lead(work, channel)
    onset, drums = facts[A_ONSET], facts[A_DRUMS]
    if channel < 0:
        state = W_CHANNELS + key // PROGRAMS * C_COLUMNS
        onset, drums = work[state + C_ONSET], work[state + C_DRUMS]
    if song.settings[G_BY] == BY_PROGRAM:
        key = channel * PROGRAMS + facts[A_PROGRAM]
        program = -1 if facts[A_PROGRAM] == NO_PROGRAM else facts[A_PROGRAM]
    splits[row, O_CHANNEL] = one_channel(facts[A_CHANNELS])
    splits[row, O_PROGRAM] = program
    splits[row, O_NOTES] = facts[A_NOTES]
    splits[row, O_LOW] = facts[A_LOW]
    splits[row, O_HIGH] = facts[A_HIGH]
    fill_sound(song, splits, row, key // PROGRAMS, key % PROGRAMS, drums, onset)


@inlined
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
    by = song.settings[G_BY]
    return guests, find_parts(song.data, out, song.tables, track, by, channels, guests, work)


@inlined
def spliced_bytes(song: Any, out: Any, work: Any, most: int) -> int:
    """Bytes of all spliced splits exactly, or more than ``most``."""
    total = ZERO
    for track in range(song.counters[N_TRACKS]):
        if song.tables.tracks[track, T_NOTES] > 0 and is_spliced(song, track):
            guests, parts = prepare_walk(song, out, track, work)
            size, _ = walk(
                song.data, out, song.tables, track, song.settings[G_BY], guests, parts, work, MEASURE, most - total
            )
            if size < 0:
                return int(most + 1)
            total += size + HEADER
    return int(total)


@inlined
def plan(song: Any, out: Any, work: Any, allowed: int, most_splits: int) -> Any:
    """The splits with their facts, and bytes that hold all of them, or -1 where a limit is exceeded.

    Also the last track that was walked, with its guests and parts: as a rule there is but one.
    """
    splits = np.empty((16, O_COLUMNS), np.int64)
    guests, parts = song.tables.conductor[:0], parts_of(ZERO + BY_TRACK, ZERO)
    walked = ZERO - 1
    count = ZERO
    exact = ZERO
    bound = ZERO
    for track in range(song.counters[N_TRACKS]):
        if song.tables.tracks[track, T_NOTES] == 0:
            continue
        first = count
        if is_spliced(song, track):
            splits = room(splits, count)
            plan_spliced(song, splits, count, track)
            bound += most_spliced(song, track)
            count += 1
        else:
            guests, parts = prepare_walk(song, out, track, work)
            walked = track
            number = parts.rows.shape[0]
            if count + number > most_splits:
                song.counters[N_STATUS] = LIMIT_SPLITS
                return splits[:0], -1, walked, guests, parts
            exact += number * HEADER
            by = song.settings[G_BY]
            size, _ = walk(song.data, out, song.tables, track, by, guests, parts, work, MEASURE, allowed - exact)
            if size < 0:
                song.counters[N_STATUS] = LIMIT_OUTPUT
                return splits[:0], -1, walked, guests, parts
            exact += size
            for part in range(number):
                splits = room(splits, count)
                plan_part(song, splits, count, parts, part, work)
                count += 1
        for row in range(first, count):
            splits[row, O_TRACK] = track
            splits[row, O_TICKS] = song.tables.tracks[track, T_TICKS]
            splits[row, O_NAME] = song.tables.tracks[track, T_NAME]
            splits[row, O_NAME_LENGTH] = song.tables.tracks[track, T_NAME_LENGTH]
    over = exact + bound > allowed and exact + spliced_bytes(song, out, work, allowed - exact) > allowed
    if over:
        song.counters[N_STATUS] = LIMIT_OUTPUT
    elif count > most_splits:
        song.counters[N_STATUS] = LIMIT_SPLITS
    return splits[:count], -1 if over else exact + bound, walked, guests, parts
