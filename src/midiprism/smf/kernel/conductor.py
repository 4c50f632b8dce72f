"""The conductor of a song: the tempo, meter, key and offset events that hold for it, and its tempo map."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.kernel.jit import borrowing_helper, helper, inlined
from midiprism.smf.kernel.row_types import (
    CONDUCTOR_KIND_COUNT,
    EVENT,
    KEY_SIGNATURE,
    SMPTE_OFFSET,
    TEMPO,
    TEMPO_CHANGE,
    TIME_SIGNATURE,
)
from midiprism.smf.kernel.varlen import read_be16, same_bytes

SMPTE_FLAG = 0x8000
MICROSECONDS_PER_SECOND = 1_000_000.0
DEFAULT_TEMPO = 500_000


class SongConductor(NamedTuple):
    """The events that hold for a whole song, ordered by tick, then by position.

    ``cumulative_sizes[i]`` is the bytes that the first ``i`` events take, with one for each delta time. The
    tempo map's ``tempi[i]`` (microseconds per quarter note) hold from ``tempo_ticks[i]``, before which
    ``elapsed[i]`` (ticks times microseconds) have passed.
    """

    events: Any
    cumulative_sizes: Any
    tempo_ticks: Any
    tempi: Any
    elapsed: Any


@helper
def stable_argsort(keys: Any) -> Any:
    """Return the indices that sort the keys and leave equal ones in their order."""
    # NumPy's sort is generic code, which takes seconds to compile.
    indices = np.arange(keys.shape[0])
    spare = np.empty(keys.shape[0], np.int64)
    width = 1
    while width < keys.shape[0] and not is_sorted(keys, indices):
        merge_runs(keys, indices, spare, width)
        indices, spare = spare, indices
        width *= 2
    return indices


@borrowing_helper
def is_sorted(keys: Any, indices: Any) -> bool:
    """Return whether the keys ascend in the order of the indices."""
    at = 1
    while at < indices.shape[0] and keys[indices[at - 1]] <= keys[indices[at]]:
        at += 1
    return bool(at >= indices.shape[0])


@borrowing_helper
def merge_runs(keys: Any, indices: Any, merged: Any, width: int) -> None:
    """Merge each two neighboring runs of ``width`` indices, whose keys ascend, into one."""
    count = indices.shape[0]
    for start in range(0, count, 2 * width):
        middle = min(start + width, count)
        stop = min(start + 2 * width, count)
        left, right = start, middle
        for at in range(start, stop):
            if left < middle and (right == stop or keys[indices[left]] <= keys[indices[right]]):
                merged[at] = indices[left]
                left += 1
            else:
                merged[at] = indices[right]
                right += 1


@borrowing_helper
def bisect_right(ticks: Any, tick: int) -> int:
    """Return how many of the ascending ticks are at or before ``tick``."""
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
    """Return how many data bytes a conductor event of a kind has."""
    if kind == TEMPO:
        return 3
    if kind == TIME_SIGNATURE:
        return 4
    return 2 if kind == KEY_SIGNATURE else 5


@inlined
def payload_start(event: Any) -> int:
    """Return the position of a conductor event's data bytes."""
    return int(event.position + event.size - payload_size(event.kind))


@inlined
def read_tempo(data: Any, at: int) -> int:
    """Return the microseconds per quarter note in a tempo event's data bytes."""
    return (data[at] & 0xFF) << 16 | read_be16(data, at + 1)


@helper
def effective_events(table: Any, count: int) -> Any:
    """Return the events that hold for every track: of each tick and kind, the last one in the file."""
    sequence = stable_argsort(table[:count]["tick"].copy())
    effective = np.empty(count, EVENT)
    last = np.empty(CONDUCTOR_KIND_COUNT, np.int64)
    size = 0
    at = 0
    while at < count:
        tick = table[sequence[at]].tick
        last[:] = -1
        while at < count and table[sequence[at]].tick == tick:
            row = sequence[at]
            kind = table[row].kind
            if table[row].track == 0 or kind not in (KEY_SIGNATURE, SMPTE_OFFSET):
                last[kind] = row
            at += 1
        while True:
            row = -1
            for kind in range(CONDUCTOR_KIND_COUNT):
                if last[kind] >= 0 and (row < 0 or last[kind] < row):
                    row = last[kind]
            if row < 0:
                break
            last[table[row].kind] = -1
            effective[size] = table[row]
            size += 1
    return effective[:size]


@inlined
def build_tempo_map(data: Any, events: Any) -> Any:
    """Return the ticks of the tempo changes, the tempi, and the ticks times microseconds before each."""
    count = 1
    for row in range(events.shape[0]):
        if events[row].kind == TEMPO:
            count += 1
    ticks = np.zeros(count, np.int64)
    tempi = np.full(count, DEFAULT_TEMPO, np.int64)
    elapsed = np.zeros(count, np.float64)
    at = 0
    for row in range(events.shape[0]):
        event = events[row]
        if event.kind == TEMPO:
            at += 1
            ticks[at] = event.tick
            tempi[at] = read_tempo(data, payload_start(event))
            elapsed[at] = elapsed[at - 1] + float(ticks[at] - ticks[at - 1]) * float(tempi[at - 1])
    return ticks, tempi, elapsed


@helper
def build_conductor(data: Any, table: Any, first: int, last: int) -> Any:
    """Return the conductor that rows ``first`` to ``last`` of the conductor events make."""
    events = effective_events(table[first:last], last - first)
    sizes = np.zeros(events.shape[0] + 1, np.int64)
    for row in range(events.shape[0]):
        sizes[row + 1] = sizes[row] + 1 + events[row].size
    ticks, tempi, elapsed = build_tempo_map(data, events)
    return SongConductor(events, sizes, ticks, tempi, elapsed)


@borrowing_helper
def seconds_at(conductor: Any, division: int, tick: int) -> float:
    """Return the seconds from the start to a tick; NaN where the division gives a tick no time."""
    if division & SMPTE_FLAG:
        frames = 256 - (division >> 8)  # per second; 29 stands for 29.97
        ticks = division & 0xFF  # per frame
        if ticks == 0 or frames not in (24, 25, 29, 30):
            return np.nan
        return (
            float(tick) * 1001.0 / (30000.0 * ticks) if frames == 29 else float(tick) / float(frames * ticks)
        )
    at = bisect_right(conductor.tempo_ticks, tick) - 1
    elapsed = conductor.elapsed[at] + float(tick - conductor.tempo_ticks[at]) * float(conductor.tempi[at])
    return float(elapsed / (division * MICROSECONDS_PER_SECOND))


@helper
def list_tempo_changes(conductor: Any, division: int) -> Any:
    """Return the changes of tempo with their times, without the tempo that holds before them."""
    changes = np.empty(conductor.tempi.shape[0] - 1, TEMPO_CHANGE)
    for row in range(changes.shape[0]):
        change = changes[row]
        change.tick = conductor.tempo_ticks[row + 1]
        change.tempo = conductor.tempi[row + 1]
        change.seconds = seconds_at(conductor, division, change.tick)
    return changes


@borrowing_helper
def track_repeats_event(data: Any, table: Any, at: int, last: int, song_event: Any) -> bool:
    """Return whether the last own event of that tick and kind, from row ``at`` on, says the same."""
    own = -1
    while at < last and table[at].tick == song_event.tick:
        if table[at].kind == song_event.kind:
            own = at
        at += 1
    if own < 0:
        return False
    return same_bytes(
        data, payload_start(table[own]), payload_start(song_event), payload_size(song_event.kind)
    )


@borrowing_helper
def find_events_to_merge(data: Any, source: Any, table: Any, events: Any, track: int, merged: Any) -> int:
    """Fill ``merged`` with the conductor events that are merged into a track, ordered by tick and position.

    ``source`` is the track's row, ``table`` holds the conductor events of all tracks, ``events`` those that
    hold for the song; ``merged`` has room for all of these. Returns how many are merged.
    """
    last = source.conductor_stop
    own = source.conductor_start
    size = 0
    for at in range(bisect_right(events["tick"], source.ticks)):
        event = events[at]
        if event.track == track:
            continue
        while own < last and table[own].tick < event.tick:
            own += 1
        if own == last or not track_repeats_event(data, table, own, last, event):
            merged[size] = event
            size += 1
    return size
