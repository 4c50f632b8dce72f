"""The hash of a track's notes: equal for the same onsets and pitches, whatever else the tracks differ in.

Each note becomes a number that is as good as random, and the hash is the sum of these numbers: it does not
depend on the order of notes in a tick. Products are cut to 62 bits, so that compiled code, whose integers
wrap around, and plain Python agree.
"""

from typing import Any

from midiprism.smf.kernel.conductor import SMPTE_FLAG
from midiprism.smf.kernel.jit import inlined

_MASK = (1 << 62) - 1
_STORED_BITS = (1 << 53) - 1
"""A hash has 53 bits: every reader of JSON keeps them."""

_PITCH_FACTOR = 0x1E3779B97F4A7C15
_FACTOR_1 = 0x3F58476D1CE4E5B9
_FACTOR_2 = 0x14D049BB133111EB
_QUARTER_BITS = 15  # a quarter note has fewer than 2 to the power of 15 ticks


@inlined
def onset_scale(division: int) -> int:
    """Return the factor by which ticks are multiplied, so that equal times in quarter notes are equal.

    It is 2**15 / division, modulo 2**62, where division by an odd number is multiplication by its inverse: so
    equal fractions are equal without rounding. With an SMPTE division it is 1.
    """
    scale = 1
    if division & SMPTE_FLAG == 0 and division > 0:
        odd = int(division)
        shift = _QUARTER_BITS
        while odd & 1 == 0:
            odd >>= 1
            shift -= 1
        # Newton's iteration: an odd number is its own inverse modulo 8, and each step doubles the bits.
        inverse = odd
        for _ in range(5):
            inverse = inverse * (2 - odd * inverse & _MASK) & _MASK
        scale = inverse << shift & _MASK
    return scale


@inlined
def mix_note(scale: Any, tick: Any, pitch: Any) -> int:
    """Return the number of a note, of which the hash is the sum."""
    mixed = int(tick) * int(scale) + int(pitch) * _PITCH_FACTOR & _MASK
    mixed = (mixed ^ mixed >> 31) * _FACTOR_1 & _MASK
    mixed = (mixed ^ mixed >> 29) * _FACTOR_2 & _MASK
    return mixed ^ mixed >> 32


@inlined
def add_note(note_hash: Any, scale: Any, tick: Any, pitch: Any) -> int:
    """Return the hash of some notes with one more."""
    return int(note_hash) + mix_note(scale, tick, pitch) & _STORED_BITS


@inlined
def add_hashes(one: Any, other: Any) -> int:
    """Return the hash of the notes of two hashes."""
    return int(one) + int(other) & _STORED_BITS
