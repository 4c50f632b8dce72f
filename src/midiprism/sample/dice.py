"""Dice that fall the same on every machine: a counter hashed with integers below 2**63.

Numba's 64-bit integers and Python's unbounded ones therefore agree, and so do all versions of NumPy. Dice are
an array of two 32-bit words, a counter and a key. Two words, a tag and an index name a stream.
"""

import numpy as np
import numpy.typing as npt

from midiprism.smf.jit import entry_point, helper

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

WORD = 0xFFFFFFFF
_STEP = 0x9E3779B9
_AT_ONCE = 48

BLOCK, FAMILY, ARTIST, PART, PLAY, MELODY, RIFF, GROOVE, CHORDS = range(1, 10)
"""Tags of the streams."""


@helper
def mix(word: int) -> int:
    """Hash 32 bits to 32 bits, one to one (multipliers: C. Wellons, hash-prospector)."""
    word ^= word >> 16
    word = (word * 0x21F0AAAD) & WORD
    word ^= word >> 15
    word = (word * 0x735A2D97) & WORD
    return word ^ (word >> 15)


@helper
def branch(dice: Ints, low: int, high: int, tag: int, index: int) -> None:
    """Set ``dice`` to the start of a stream; for one tag and index, other words give another stream."""
    low ^= mix((high + index * 0x85EB + tag) & WORD)
    high ^= mix((low + tag * _STEP) & WORD)
    low ^= mix((high + index) & WORD)
    high ^= mix(low)
    dice[0] = low
    dice[1] = high


@helper
def roll(dice: Ints, sides: int) -> int:
    """Fair integer from 0 to ``sides`` - 1; ``sides`` below 2**31."""
    counter = (dice[0] + _STEP) & WORD
    dice[0] = counter
    return int((mix(mix(counter) ^ dice[1]) * sides) >> 32)


@entry_point("void(int64[::1], int64, int64, int64, int64)")
def start(dice: Ints, low: int, high: int, tag: int, index: int) -> None:
    """``branch``, for Python."""
    branch(dice, low, high, tag, index)


@entry_point("void(int64[::1], int64[::1])")
def throw(dice: Ints, words: Ints) -> None:
    """Fill ``words`` with the stream's next 32-bit words."""
    for index in range(words.shape[0]):
        words[index] = (roll(dice, 1 << 16) << 16) | roll(dice, 1 << 16)


class Dice:
    """A stream of dice for plans, which are made in Python."""

    def __init__(self, low: int, high: int, tag: int, index: int) -> None:
        self._dice = np.zeros(2, np.int64)
        self._words = np.zeros(_AT_ONCE, np.int64)
        self._ahead: list[int] = []
        start(self._dice, low, high, tag, index)

    def roll(self, sides: int) -> int:
        """Fair integer from 0 to ``sides`` - 1."""
        if not self._ahead:
            throw(self._dice, self._words)
            self._ahead = self._words.tolist()
        return (self._ahead.pop() * sides) >> 32

    def choose(self, weights: tuple[int, ...]) -> int:
        """Index drawn in proportion to whole weights."""
        drawn = self.roll(sum(weights))
        for index, weight in enumerate(weights):
            drawn -= weight
            if drawn < 0:
                return index
        return 0
