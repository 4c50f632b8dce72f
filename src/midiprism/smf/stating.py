"""What a track states of its music: the tempo, the meter and the key that hold from its first such event on.

Impossible meters and keys are left out. Of several at one tick the last holds.
"""

from functools import lru_cache
from typing import Any

from midiprism.smf.conductor import payload_size
from midiprism.smf.jit import helper
from midiprism.smf.layout import (
    E_KIND,
    E_LENGTH,
    E_POSITION,
    E_STATUS,
    E_TICK,
    E_TRACK,
    F_KEY,
    F_KEY_TICK,
    F_METER,
    F_METER_TICK,
    F_TEMPI,
    F_TEMPO,
    F_TEMPO_TICK,
    KEY_SIGNATURE,
    T_CONDUCTOR_FIRST,
    T_CONDUCTOR_LAST,
    TEMPO,
    TIME_SIGNATURE,
)
from midiprism.smf.octets import be16
from midiprism.smf.types import Stated

SMPTE = 0x8000
MICROSECONDS = 1_000_000.0

LARGEST_POWER = 7
MOST_ACCIDENTALS = 7
MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")
"""Keynotes from seven flats to seven sharps."""


@lru_cache(8192)  # the tracks of a song state the same, and songs of a library much alike
def stated(division: int, tempi: int, tempo: int, meter: int, key: int) -> Stated:
    """What a track states in the numbers of the kernel, with the division of its header."""
    accidentals, minor = divmod(key, 2)
    return Stated(
        None if division <= 0 or division & SMPTE else division,
        60 * MICROSECONDS / tempo if tempo > 0 else None,
        tempi,
        None if meter < 0 else f"{meter >> 8}/{1 << (meter & 0xFF)}",
        None if key < 0 else f"{MINOR[accidentals]} minor" if minor else f"{MAJOR[accidentals]} major",
    )


@helper
def begin_stating(facts: Any) -> None:
    """Nothing is stated yet."""
    facts[:] = -1
    facts[F_TEMPI] = 0


@helper
def state(facts: Any, data: Any, kind: int, tick: int, body: int) -> None:
    """Tell of the next conductor event, whose data bytes are at ``body``."""
    if kind == TEMPO:
        facts[F_TEMPI] += 1
        if facts[F_TEMPO_TICK] < 0 or facts[F_TEMPO_TICK] == tick:
            facts[F_TEMPO_TICK] = tick
            facts[F_TEMPO] = (data[body] & 0xFF) << 16 | be16(data, body + 1)
    elif kind == TIME_SIGNATURE:
        numerator, power = data[body] & 0xFF, data[body + 1] & 0xFF
        if (
            numerator > 0
            and power <= LARGEST_POWER
            and (facts[F_METER_TICK] < 0 or facts[F_METER_TICK] == tick)
        ):
            facts[F_METER_TICK] = tick
            facts[F_METER] = numerator << 8 | power
    elif kind == KEY_SIGNATURE:
        sharps, minor = ((data[body] & 0xFF) ^ 0x80) - 0x80, data[body + 1] & 0xFF
        if (
            abs(sharps) <= MOST_ACCIDENTALS
            and minor <= 1
            and (facts[F_KEY_TICK] < 0 or facts[F_KEY_TICK] == tick)
        ):
            facts[F_KEY_TICK] = tick
            facts[F_KEY] = (sharps + MOST_ACCIDENTALS) * 2 + minor


@helper
def state_merged(facts: Any, data: Any, row: Any, table: Any, guests: Any, track: int) -> None:
    """Tell of all conductor events of a track and its guests, in the order in which they are written.

    ``row`` is the track's, ``table`` holds the conductor events of all tracks.
    """
    begin_stating(facts)
    own, last = row[T_CONDUCTOR_FIRST], row[T_CONDUCTOR_LAST]
    guest = 0
    while own < last or guest < guests.shape[0]:
        if own == last or (
            guest < guests.shape[0]
            and (
                guests[guest, E_TICK] < table[own, E_TICK]
                or (guests[guest, E_TICK] == table[own, E_TICK] and guests[guest, E_TRACK] < track)
            )
        ):
            if guests[guest, E_STATUS] == 0xFF:  # others are lent by other tracks
                state_row(facts, data, guests[guest])
            guest += 1
        else:
            state_row(facts, data, table[own])
            own += 1


@helper
def state_row(facts: Any, data: Any, event: Any) -> None:
    """Tell of a row of events."""
    kind = event[E_KIND]
    body = event[E_POSITION] + event[E_LENGTH] - payload_size(kind)
    state(facts, data, kind, event[E_TICK], body)
