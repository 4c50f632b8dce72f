"""The hash of a track's notes as ``midiprism.SplitTrack`` describes it, computed in another way."""

from collections.abc import Iterable

from support.midi_parser import Event

_MODULUS = 1 << 62


def expected_note_hash(onsets: Iterable[Event], division: int) -> int:
    """Return the hash of note-ons."""
    if division & 0x8000:
        scale = 1
    else:
        twos = (division & -division).bit_length() - 1
        scale = pow(division >> twos, -1, _MODULUS) * 2 ** (15 - twos)
    total = 0
    for event in onsets:
        value = (event.tick * scale + event.body[0] * 0x1E3779B97F4A7C15) % _MODULUS
        value = (value ^ value // 2**31) * 0x3F58476D1CE4E5B9 % _MODULUS
        value = (value ^ value // 2**29) * 0x14D049BB133111EB % _MODULUS
        total += value ^ value // 2**32
    return total % 2**53
