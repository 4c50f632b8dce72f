"""Tempo, meter and key as the bytes of a split state them: what a table of tracks tells beside its notes.

A split is a file of format 0 with one track, in which the conductor's events of its song stand among its own
(``docs/contract.md``). Only that layout is read, and no bytes do harm.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from midiprism.smf.inspecting import LARGEST_POWER, MAJOR, MICROSECONDS, MINOR, MOST_ACCIDENTALS, SMPTE
from midiprism.smf.jit import ENABLED, entry_point, helper, proved, unsigned
from midiprism.smf.layout import HEADER, ZERO
from midiprism.smf.octets import be16, be32, read_vlq

# What the kernel tells of a track: -1 where it states none.
_DIVISION = 0
_TEMPI = 1  # how many tempo events
_TEMPO = 2  # microseconds per quarter note
_METER = 3  # numerator * 256 + power of two
_KEY = 4  # (sharps + MOST_ACCIDENTALS) * 2 + minor
_COLUMNS = 5


class Stated(NamedTuple):
    """What the bytes of a split state of its music.

    Tempo, meter and key are those that hold from the first such event on, wherever it stands; impossible ones
    are left out. Of several at one tick the last holds.

    Attributes:
        ticks_per_quarter: 1 to 32,767; None with an SMPTE division.
        tempo: quarter notes per minute; None where none is stated, or where no time passes.
        tempo_count: how many tempo events there are.
        time_signature: such as ``6/8``.
        key_signature: such as ``D major``, ``Bb major`` or ``F# minor``.
    """

    ticks_per_quarter: int | None
    tempo: float | None
    tempo_count: int
    time_signature: str | None
    key_signature: str | None


def stated_facts(octets: bytes, stops: Sequence[int]) -> list[Stated]:
    """What each of several splits states; nothing for what is not the bytes of a split.

    Args:
        octets: the splits, one behind the other.
        stops: where each ends.
    """
    starts = np.zeros(len(stops) + 1, np.int64)
    starts[1:] = stops
    # As plain Python the kernel takes ints from a memoryview, where an array would give bytes that overflow.
    data = np.frombuffer(octets, np.uint8) if ENABLED else memoryview(octets)
    return [_stated(*row) for row in facts_kernel(data, starts).tolist()]


@lru_cache(8192)  # the tracks of a song state the same, and songs of a library much alike
def _stated(division: int, tempi: int, tempo: int, meter: int, key: int) -> Stated:
    accidentals, minor = divmod(key, 2)
    return Stated(
        None if division <= 0 or division & SMPTE else division,
        60 * MICROSECONDS / tempo if tempo > 0 else None,
        tempi,
        None if meter < 0 else f"{meter >> 8}/{1 << (meter & 0xFF)}",
        None if key < 0 else f"{MINOR[accidentals]} minor" if minor else f"{MAJOR[accidentals]} major",
    )


@entry_point("(Array(uint8, 1, 'C', readonly=True), Array(int64, 1, 'C'))")
def facts_kernel(data: Any, starts: Any) -> Any:
    """A row of facts for every split; the i-th is ``data[starts[i]:starts[i + 1]]``."""
    facts = np.full((starts.shape[0] - 1, _COLUMNS), -1, np.int64)
    row = ZERO
    while row < facts.shape[0]:
        facts[row, _TEMPI] = 0
        start, stop = starts[row], starts[row + 1]
        if stop - start >= HEADER and be32(data, start) == 0x4D546864:
            facts[row, _DIVISION] = be16(data, start + 12)
            if be32(data, start + 14) == 0x4D54726B:
                begin = start + HEADER
                walk_conductor(data, begin, min(stop, begin + be32(data, start + 18)), facts[row])
        row += 1
    return facts


@proved
def last_candidate(data: Any, at: int, stop: int) -> int:
    """The last position at which a tempo, a meter or a key may stand; before ``at`` where there is none.

    Behind it nothing needs to be looked at, which in most tracks is everything but their beginning.
    """
    if at < 0 or stop > data.shape[0]:
        raise IndexError("a span outside of its array")
    for last in range(stop - 2, at - 1, -1):
        if data[unsigned(last)] == 0xFF:
            kind = data[unsigned(last + 1)] & 0xFF
            if kind == 0x51 or kind == 0x58 or kind == 0x59:
                return last
    return at - 1


@helper
def walk_conductor(data: Any, at: int, stop: int, facts: Any) -> None:
    """Tell of the conductor events in a track's events; of what is no event, nothing behind it is told."""
    last = last_candidate(data, at, stop)
    tick = running = ZERO
    first_tempo = first_meter = first_key = -ZERO - 1
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
            facts[_TEMPI] += 1
            if first_tempo < 0 or first_tempo == tick:
                first_tempo = tick
                facts[_TEMPO] = (data[body] & 0xFF) << 16 | be16(data, body + 1)
        elif kind == 0x58 and length == 4:
            numerator, power = data[body] & 0xFF, data[body + 1] & 0xFF
            if numerator > 0 and power <= LARGEST_POWER and (first_meter < 0 or first_meter == tick):
                first_meter = tick
                facts[_METER] = numerator << 8 | power
        elif kind == 0x59 and length == 2:
            sharps, minor = ((data[body] & 0xFF) ^ 0x80) - 0x80, data[body + 1] & 0xFF
            if abs(sharps) <= MOST_ACCIDENTALS and minor <= 1 and (first_key < 0 or first_key == tick):
                first_key = tick
                facts[_KEY] = (sharps + MOST_ACCIDENTALS) * 2 + minor
