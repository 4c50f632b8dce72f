"""Tempo, meter and key as text and numbers for people, from the kernel's numbers."""

from functools import lru_cache
from typing import NamedTuple

from midiprism.smf.kernel.conductor import MICROSECONDS_PER_SECOND, SMPTE_FLAG
from midiprism.smf.kernel.stated_meta import MAX_ACCIDENTALS

MAJOR_KEYNOTES = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR_KEYNOTES = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")
"""Keynotes from seven flats to seven sharps."""


class StatedMeta(NamedTuple):
    """The last fields of a ``SplitTrack``, in their order."""

    ticks_per_quarter: int | None
    tempo: float | None
    tempo_count: int
    time_signature: str | None
    key_signature: str | None


def key_name(sharps: int, minor: int) -> str:
    """Return the name of a key of -7 (flats) to 7 sharps, such as ``Bb major``."""
    keynote = (MINOR_KEYNOTES if minor else MAJOR_KEYNOTES)[sharps + MAX_ACCIDENTALS]
    return f"{keynote} {'minor' if minor else 'major'}"


def quarters_per_minute(tempo: int) -> float | None:
    """Return quarter notes per minute for microseconds per quarter note; None where the tempo is 0 or -1."""
    return 60 * MICROSECONDS_PER_SECOND / tempo if tempo > 0 else None


def stated_meter_name(meter: int) -> str:
    """Return the name of a meter, such as ``6/8``, from the kernel's number."""
    return f"{meter >> 8}/{1 << (meter & 0xFF)}"


def stated_key_name(key: int) -> str:
    """Return the name of a key, such as ``Bb major``, from the kernel's number."""
    return key_name((key >> 1) - MAX_ACCIDENTALS, key & 1)


@lru_cache(8192)  # the tracks of a song state the same, and songs of a library much alike
def make_stated_meta(division: int, tempo_count: int, tempo: int, meter: int, key: int) -> StatedMeta:
    """Return what a track states, from the kernel's numbers (-1: nothing) and the division of its header."""
    return StatedMeta(
        None if division <= 0 or division & SMPTE_FLAG else division,
        quarters_per_minute(tempo),
        tempo_count,
        None if meter < 0 else stated_meter_name(meter),
        None if key < 0 else stated_key_name(key),
    )
