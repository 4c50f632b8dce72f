"""The conductor of a song: which of its tracks' tempo, meter, key and offset events hold, and the time they
give."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.jit import helper, inlined
from midiprism.smf.kernel.row_fields import (
    CONDUCTOR_KIND_COUNT,
    E_COLUMNS,
    E_KIND,
    E_LENGTH,
    E_POSITION,
    E_TICK,
    E_TRACK,
    KEY_SIGNATURE,
    SMPTE_OFFSET,
    T_CONDUCTOR_FIRST,
    T_CONDUCTOR_LAST,
    T_TICKS,
    TEMPO,
    TIME_SIGNATURE,
)
from midiprism.smf.kernel.varlen import same_bytes

DEFAULT_TEMPO = 500_000


class SongConductor(NamedTuple):
    """The events that hold for a whole song, ordered by tick, then by position.

    ``sizes[i]`` is the bytes that the first ``i`` of ``events`` take, with one for each delta time. The tempo
    map's ``tempi[i]`` (microseconds per quarter note) hold from tick ``changes[i]``, before which ``sums[i]``
    (ticks times microseconds) have passed.
    """

    events: Any
    cumulative_sizes: Any
    tempo_ticks: Any
    tempi: Any
    elapsed: Any


@helper
def stable_argsort(keys: Any) -> Any:
    """Indices that sort the keys, equal ones as they stand."""
    for at in range(1, keys.shape[0]):
        if keys[at] < keys[at - 1]:
            return np.argsort(keys, kind="mergesort")
    return np.arange(keys.shape[0])


@helper
def bisect_right(ticks: Any, tick: int) -> int:
    """How many of the ascending ticks are at or before ``tick``."""
    low = 0
    high = ticks.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if ticks[middle] <= tick:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def payload_size(kind: int) -> int:
    """Data bytes of a conductor event."""
    if kind == TEMPO:
        return 3
    if kind == TIME_SIGNATURE:
        return 4
    return 2 if kind == KEY_SIGNATURE else 5


@inlined
def read_tempo(data: Any, row: Any) -> int:
    """Microseconds per quarter note that a tempo event sets."""
    at = row[E_POSITION] + row[E_LENGTH] - 3
    return (data[at] & 0xFF) << 16 | (data[at + 1] & 0xFF) << 8 | (data[at + 2] & 0xFF)


@inlined
def copy_row(table: Any, row: int, source: Any, source_row: int) -> None:
    """Copy a row of events to another table."""
    for column in range(E_COLUMNS):
        table[row, column] = source[source_row, column]


@helper
def effective_events(table: Any, count: int) -> Any:
    """Rows of the events that hold: of each tick and kind the file's last that counts for every track."""
    sequence = stable_argsort(table[:count, E_TICK].copy())
    held = np.empty((count, E_COLUMNS), np.int64)
    last = np.empty(CONDUCTOR_KIND_COUNT, np.int64)
    size = 0
    at = 0
    while at < count:
        tick = table[sequence[at], E_TICK]
        last[:] = -1
        while at < count and table[sequence[at], E_TICK] == tick:
            row = sequence[at]
            kind = table[row, E_KIND]
            if table[row, E_TRACK] == 0 or kind not in (KEY_SIGNATURE, SMPTE_OFFSET):
                last[kind] = row
            at += 1
        while True:
            row = -1
            for kind in range(CONDUCTOR_KIND_COUNT):
                if last[kind] >= 0 and (row < 0 or last[kind] < row):
                    row = last[kind]
            if row < 0:
                break
            last[table[row, E_KIND]] = -1
            copy_row(held, size, table, row)
            size += 1
    return held[:size]


@inlined
def build_tempo_map(data: Any, events: Any) -> Any:
    """Ticks of the changes, the tempi from there on, and the ticks times microseconds before them."""
    count = 1
    for row in range(events.shape[0]):
        if events[row, E_KIND] == TEMPO:
            count += 1
    changes = np.zeros(count, np.int64)
    tempi = np.full(count, DEFAULT_TEMPO, np.int64)
    sums = np.zeros(count, np.float64)
    at = 0
    for row in range(events.shape[0]):
        if events[row, E_KIND] == TEMPO:
            at += 1
            changes[at] = events[row, E_TICK]
            tempi[at] = read_tempo(data, events[row])
            sums[at] = sums[at - 1] + float(changes[at] - changes[at - 1]) * float(tempi[at - 1])
    return changes, tempi, sums


@helper
def build_conductor(data: Any, table: Any, first: int, last: int) -> Any:
    """The conductor that the rows of the table make."""
    events = effective_events(table[first:last], last - first)
    sizes = np.zeros(events.shape[0] + 1, np.int64)
    for row in range(events.shape[0]):
        sizes[row + 1] = sizes[row] + 1 + events[row, E_LENGTH]
    changes, tempi, sums = build_tempo_map(data, events)
    return SongConductor(events, sizes, changes, tempi, sums)


@helper
def seconds_at(conductor: Any, division: int, tick: int) -> float:
    """Seconds from the start to a tick; NaN where the division gives a tick no time."""
    if division & 0x8000:
        frames = 256 - (division >> 8)
        ticks = division & 0xFF
        if ticks == 0 or frames not in (24, 25, 29, 30):
            return np.nan
        return (
            float(tick) * 1001.0 / (30000.0 * ticks) if frames == 29 else float(tick) / float(frames * ticks)
        )
    at = bisect_right(conductor.tempo_ticks, tick) - 1
    passed = conductor.elapsed[at] + float(tick - conductor.tempo_ticks[at]) * float(conductor.tempi[at])
    return float(passed / (division * 1_000_000.0))


@helper
def track_repeats_event(data: Any, table: Any, at: int, last: int, song_event: Any) -> bool:
    """Whether the last of a track's own events of that tick and kind, from row ``at`` on, says the same."""
    own = -1
    while at < last and table[at, E_TICK] == song_event[E_TICK]:
        if table[at, E_KIND] == song_event[E_KIND]:
            own = at
        at += 1
    if own < 0:
        return False
    size = payload_size(song_event[E_KIND])
    first = table[own, E_POSITION] + table[own, E_LENGTH] - size
    return same_bytes(data, first, song_event[E_POSITION] + song_event[E_LENGTH] - size, size)


@helper
def conductor_events_to_merge(data: Any, row: Any, table: Any, events: Any, track: int) -> Any:
    """Rows of the conductor events that are merged into a track, ordered by tick and position.

    ``row`` is the track's, ``table`` holds the conductor events of all tracks, ``events`` those that hold.
    """
    last = row[T_CONDUCTOR_LAST]
    own = row[T_CONDUCTOR_FIRST]
    count = bisect_right(events[:, E_TICK], row[T_TICKS])
    guests = np.empty((count, E_COLUMNS), np.int64)
    size = 0
    for at in range(count):
        if events[at, E_TRACK] == track:
            continue
        while own < last and table[own, E_TICK] < events[at, E_TICK]:
            own += 1
        if own == last or not track_repeats_event(data, table, own, last, events[at]):
            copy_row(guests, size, events, at)
            size += 1
    return guests[:size]
