"""Tempo, meter and key as the bytes of a split state them, for splits of which nothing else is at hand.

The same as ``SplitTrack.stated``, which is told of a split when it is made. A split is a file of format 0
with one track, in which the conductor's events of its song stand among its own (``docs/reference/split-contract.md``). Only
that layout is read, and no bytes do harm.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from midiprism.smf.kernel.jit import ENABLED, bounds_checked_by_hand, entry_point, helper, unsigned_index
from midiprism.smf.kernel.row_types import (
    KEY_SIGNATURE,
    OUTPUT_HEADER_SIZE,
    STATED_META,
    TEMPO,
    TIME_SIGNATURE,
    ZERO,
)
from midiprism.smf.kernel.stated_meta import record_conductor_event, reset_stated_meta
from midiprism.smf.kernel.varlen import read_be16, read_be32, read_vlq
from midiprism.smf.stated_meta import make_stated_meta
from midiprism.smf.types import StatedMeta


def stated_meta_from_bytes(joined_tracks: bytes, track_ends: Sequence[int]) -> list[StatedMeta]:
    """What each of several splits states; nothing for what is not the bytes of a split.

    Args:
        octets: the splits, one behind the other.
        stops: where each ends.
    """
    starts = np.zeros(len(track_ends) + 1, np.int64)
    starts[1:] = track_ends
    # As plain Python the kernel takes ints from a memoryview, where an array would give bytes that overflow.
    data = np.frombuffer(joined_tracks, np.uint8) if ENABLED else memoryview(joined_tracks)
    return [make_stated_meta(*row) for row in stated_meta_kernel(data, starts).tolist()]


@entry_point("(Array(uint8, 1, 'C', readonly=True), Array(int64, 1, 'C'))")
def stated_meta_kernel(data: Any, starts: Any) -> Any:
    """Return for every split its division, -1 without one, and what it states.

    The i-th split is ``data[starts[i]:starts[i + 1]]``.
    """
    rows = np.full((starts.shape[0] - 1, 5), -1, np.int64)
    stated_table = np.empty(1, STATED_META)
    row = ZERO
    while row < rows.shape[0]:
        stated = stated_table[0]
        reset_stated_meta(stated)
        start, stop = starts[row], starts[row + 1]
        if stop - start >= OUTPUT_HEADER_SIZE and read_be32(data, start) == 0x4D546864:
            rows[row, 0] = read_be16(data, start + 12)
            if read_be32(data, start + 14) == 0x4D54726B:
                begin = start + OUTPUT_HEADER_SIZE
                scan_conductor_events(data, begin, min(stop, begin + read_be32(data, start + 18)), stated)
        rows[row, 1] = stated.tempo_count
        rows[row, 2] = stated.tempo
        rows[row, 3] = stated.meter
        rows[row, 4] = stated.key
        row += 1
    return rows


@bounds_checked_by_hand
def last_conductor_event_position(data: Any, at: int, stop: int) -> int:
    """The last position at which a tempo, a meter or a key may stand; before ``at`` where there is none.

    Behind it nothing needs to be looked at, which in most tracks is everything but their beginning.
    """
    if at < 0 or stop > data.shape[0]:
        raise IndexError("a span outside of its array")
    for last in range(stop - 2, at - 1, -1):
        if data[unsigned_index(last)] == 0xFF:
            kind = data[unsigned_index(last + 1)] & 0xFF
            if kind == 0x51 or kind == 0x58 or kind == 0x59:
                return last
    return at - 1


@helper
def scan_conductor_events(data: Any, at: int, stop: int, stated: Any) -> None:
    """Tell of the conductor events in a track's events; of what is no event, nothing behind it is told."""
    last = last_conductor_event_position(data, at, stop)
    tick = running = ZERO
    while at <= last:
        delta, at = read_vlq(data, at, stop)
        if at < 0 or at >= stop:
            return
        tick += delta
        status = data[at] & 0xFF
        if status < 0xF0:
            if status >= 0x80:
                running = status
                at += 1
            elif running == 0:
                return
            at += 1 if running >> 4 in (0xC, 0xD) else 2
            continue
        if status not in (0xFF, 0xF0, 0xF7):
            return
        kind = data[at + 1] & 0xFF if status == 0xFF and at + 1 < stop else -1
        length, body = read_vlq(data, at + (2 if status == 0xFF else 1), stop)
        at = body + length
        if body < 0 or at > stop or kind == 0x2F:
            return
        if kind == 0x51 and length == 3:
            record_conductor_event(stated, data, TEMPO, tick, body)
        elif kind == 0x58 and length == 4:
            record_conductor_event(stated, data, TIME_SIGNATURE, tick, body)
        elif kind == 0x59 and length == 2:
            record_conductor_event(stated, data, KEY_SIGNATURE, tick, body)
