"""Random numbers that are the same on every machine: a counter hashed with integers below 2**63.

Numba's 64-bit integers and Python's unbounded ones therefore agree, and so do all versions of NumPy. The
state is an array of two 32-bit words, a counter and a key. Two words, a tag and an index name a stream.
"""

import numpy as np
import numpy.typing as npt

from midiprism.native.types import INT64
from midiprism.smf.kernel.jit import array_of, entry_point, helper

IntArray = npt.NDArray[np.int64]

MASK_32 = 0xFFFFFFFF
_COUNTER_STEP = 0x9E3779B9
_WORDS_PER_DRAW = 48

(
    STREAM_BLOCK,
    STREAM_FAMILY,
    STREAM_ARTIST,
    STREAM_PART,
    STREAM_PERFORMANCE,
    STREAM_MELODY,
    STREAM_RIFF,
    STREAM_GROOVE,
    STREAM_CHORDS,
) = range(1, 10)
"""Tags of the streams. The numbers are part of what a seed means."""


@helper
def hash_32(word: int) -> int:
    """Hash 32 bits to 32 bits, one to one (multipliers: C. Wellons, hash-prospector)."""
    word ^= word >> 16
    word = (word * 0x21F0AAAD) & MASK_32
    word ^= word >> 15
    word = (word * 0x735A2D97) & MASK_32
    return word ^ (word >> 15)


@helper
def seed_stream(rng_state: IntArray, low: int, high: int, tag: int, index: int) -> None:
    """Set the state to the start of a stream; for one tag and index, other words give another stream."""
    low ^= hash_32((high + index * 0x85EB + tag) & MASK_32)
    high ^= hash_32((low + tag * _COUNTER_STEP) & MASK_32)
    low ^= hash_32((high + index) & MASK_32)
    high ^= hash_32(low)
    rng_state[0] = low
    rng_state[1] = high


@helper
def randrange(rng_state: IntArray, stop: int) -> int:
    """Return a fair integer from 0 to ``stop`` - 1; ``stop`` is below 2**31."""
    counter = (rng_state[0] + _COUNTER_STEP) & MASK_32
    rng_state[0] = counter
    return int((hash_32(hash_32(counter) ^ rng_state[1]) * stop) >> 32)


@entry_point((array_of(np.int64), INT64, INT64, INT64, INT64))
def seed_stream_from_python(rng_state: IntArray, low: int, high: int, tag: int, index: int) -> None:
    """Do what ``seed_stream`` does, for Python."""
    seed_stream(rng_state, low, high, tag, index)


@entry_point((array_of(np.int64), array_of(np.int64)))
def fill_random_words(rng_state: IntArray, words: IntArray) -> None:
    """Fill ``words`` with the stream's next 32-bit words."""
    for index in range(words.shape[0]):
        words[index] = (randrange(rng_state, 1 << 16) << 16) | randrange(rng_state, 1 << 16)


class Rng:
    """A stream of random numbers for plans, which are made in Python."""

    def __init__(self, low: int, high: int, tag: int, index: int) -> None:
        self._state = np.zeros(2, np.int64)
        self._words = np.zeros(_WORDS_PER_DRAW, np.int64)
        self._unused_words: list[int] = []
        seed_stream_from_python(self._state, low, high, tag, index)

    def randrange(self, stop: int) -> int:
        """Return a fair integer from 0 to ``stop`` - 1."""
        if not self._unused_words:
            fill_random_words(self._state, self._words)
            self._unused_words = self._words.tolist()
        return (self._unused_words.pop() * stop) >> 32

    def choose_weighted(self, weights: tuple[int, ...]) -> int:
        """Return an index drawn in proportion to whole weights."""
        drawn = self.randrange(sum(weights))
        for index, weight in enumerate(weights):
            drawn -= weight
            if drawn < 0:
                return index
        return 0
