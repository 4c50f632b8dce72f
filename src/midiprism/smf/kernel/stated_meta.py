"""What a track states of its music: the tempo, the meter and the key that hold from its first such event on.

Impossible meters and keys are left out. Of several at one tick the last holds.
"""

from functools import lru_cache
from typing import Any

from midiprism.smf.kernel.conductor import payload_size
from midiprism.smf.kernel.jit import helper
from midiprism.smf.kernel.row_fields import (
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
from midiprism.smf.kernel.varlen import read_be16
from midiprism.smf.types import StatedMeta

SMPTE_FLAG = 0x8000
MICROSECONDS_PER_SECOND = 1_000_000.0

MAX_DENOMINATOR_POWER = 7
MAX_ACCIDENTALS = 7
MAJOR_KEYNOTES = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR_KEYNOTES = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")
"""Keynotes from seven flats to seven sharps."""


@lru_cache(8192)  # the tracks of a song state the same, and songs of a library much alike
def make_stated_meta(division: int, tempi: int, tempo: int, meter: int, key: int) -> StatedMeta:
    """What a track states in the numbers of the kernel, with the division of its header."""
    accidentals, minor = divmod(key, 2)
    return StatedMeta(
        None if division <= 0 or division & SMPTE_FLAG else division,
        60 * MICROSECONDS_PER_SECOND / tempo if tempo > 0 else None,
        tempi,
        None if meter < 0 else f"{meter >> 8}/{1 << (meter & 0xFF)}",
        None
        if key < 0
        else f"{MINOR_KEYNOTES[accidentals]} minor"
        if minor
        else f"{MAJOR_KEYNOTES[accidentals]} major",
    )


@helper
def reset_stated_meta(stated_row: Any) -> None:
    """Nothing is stated yet."""
    stated_row[:] = -1
    stated_row[F_TEMPI] = 0


@helper
def record_conductor_event(stated_row: Any, data: Any, kind: int, tick: int, body: int) -> None:
    """Tell of the next conductor event, whose data bytes are at ``body``."""
    if kind == TEMPO:
        stated_row[F_TEMPI] += 1
        if stated_row[F_TEMPO_TICK] < 0 or stated_row[F_TEMPO_TICK] == tick:
            stated_row[F_TEMPO_TICK] = tick
            stated_row[F_TEMPO] = (data[body] & 0xFF) << 16 | read_be16(data, body + 1)
    elif kind == TIME_SIGNATURE:
        numerator, power = data[body] & 0xFF, data[body + 1] & 0xFF
        if (
            numerator > 0
            and power <= MAX_DENOMINATOR_POWER
            and (stated_row[F_METER_TICK] < 0 or stated_row[F_METER_TICK] == tick)
        ):
            stated_row[F_METER_TICK] = tick
            stated_row[F_METER] = numerator << 8 | power
    elif kind == KEY_SIGNATURE:
        sharps, minor = ((data[body] & 0xFF) ^ 0x80) - 0x80, data[body + 1] & 0xFF
        if (
            abs(sharps) <= MAX_ACCIDENTALS
            and minor <= 1
            and (stated_row[F_KEY_TICK] < 0 or stated_row[F_KEY_TICK] == tick)
        ):
            stated_row[F_KEY_TICK] = tick
            stated_row[F_KEY] = (sharps + MAX_ACCIDENTALS) * 2 + minor


@helper
def record_merged_events(
    stated_row: Any, data: Any, row: Any, table: Any, merged_events: Any, track: int
) -> None:
    """Tell of all conductor events of a track and its guests, in the order in which they are written.

    ``row`` is the track's, ``table`` holds the conductor events of all tracks.
    """
    reset_stated_meta(stated_row)
    own, last = row[T_CONDUCTOR_FIRST], row[T_CONDUCTOR_LAST]
    guest = 0
    while own < last or guest < merged_events.shape[0]:
        if own == last or (
            guest < merged_events.shape[0]
            and (
                merged_events[guest, E_TICK] < table[own, E_TICK]
                or (
                    merged_events[guest, E_TICK] == table[own, E_TICK]
                    and merged_events[guest, E_TRACK] < track
                )
            )
        ):
            if merged_events[guest, E_STATUS] == 0xFF:  # others are lent by other tracks
                record_event_row(stated_row, data, merged_events[guest])
            guest += 1
        else:
            record_event_row(stated_row, data, table[own])
            own += 1


@helper
def record_event_row(stated_row: Any, data: Any, event: Any) -> None:
    """Tell of a row of events."""
    kind = event[E_KIND]
    body = event[E_POSITION] + event[E_LENGTH] - payload_size(kind)
    record_conductor_event(stated_row, data, kind, event[E_TICK], body)
