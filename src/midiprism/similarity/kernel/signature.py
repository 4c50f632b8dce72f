"""MinHash signatures of sets of phrases.

Value k of a signature is the least of ``phrase ^ MASKS[k]`` over all phrases of a set: the phrase that is
nearest to the mask, by the distance of Kademlia. Phrases are as good as random numbers, so that each one is
as likely to be the nearest: two sets agree in a value with the probability that is their Jaccard index. Masks
begin with different bits, as the bins of one-permutation hashing, so that values are about independent; where
no phrase begins with these bits, a neighbor is taken. A product for each phrase and value would take twice
the time.
"""

from typing import Any

import numpy as np

from midiprism.similarity.kernel.tables import SIGNATURE_VALUES
from midiprism.smf.kernel.jit import bounds_checked_by_hand, unsigned_index

_GOLDEN = 0x9E3779B97F4A7C15
_MASK_64 = (1 << 64) - 1
_BIN_SHIFT = 26
"""The first six bits of a mask are its number."""


def _masks() -> Any:
    """Return the masks; their later bits are as good as random: those of SplitMix64."""
    values = []
    for index in range(SIGNATURE_VALUES):
        value = (index + 1) * _GOLDEN & _MASK_64
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK_64
        value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK_64
        values.append(index << _BIN_SHIFT | (value ^ value >> 31) >> 32 + 32 - _BIN_SHIFT)
    return np.array(values, np.uint32)


MASKS = _masks()
EMPTY = 0xFFFFFFFF


@bounds_checked_by_hand
def sign(phrases: Any, start: int, stop: int, signatures: Any, row: int) -> None:
    """Write the signature of ``phrases[start:stop]``, as 32-bit numbers, to a row of ``signatures``."""
    base = row * SIGNATURE_VALUES
    if start < 0 or stop > phrases.shape[0] or base < 0 or base + SIGNATURE_VALUES > signatures.shape[0]:
        raise IndexError("a set outside of its array")
    for value in range(SIGNATURE_VALUES):
        signatures[unsigned_index(base + value)] = np.uint32(EMPTY)
    at = start
    while at < stop:
        # Four phrases at once spare loads and stores; the last ones count again.
        first = phrases[unsigned_index(at)]
        second = phrases[unsigned_index(min(at + 1, stop - 1))]
        third = phrases[unsigned_index(min(at + 2, stop - 1))]
        fourth = phrases[unsigned_index(min(at + 3, stop - 1))]
        for value in range(SIGNATURE_VALUES):
            mask = MASKS[value]
            least = min(min(first ^ mask, second ^ mask), min(third ^ mask, fourth ^ mask))
            place = unsigned_index(base + value)
            signatures[place] = min(signatures[place], least)
        at += 4


@bounds_checked_by_hand
def agreement(signatures: Any, one: int, other: int) -> int:
    """Return in how many values two signatures agree."""
    first, second = one * SIGNATURE_VALUES, other * SIGNATURE_VALUES
    if min(first, second) < 0 or max(first, second) + SIGNATURE_VALUES > signatures.shape[0]:
        raise IndexError("a signature outside of its array")
    equal = 0
    for value in range(SIGNATURE_VALUES):
        equal += signatures[unsigned_index(first + value)] == signatures[unsigned_index(second + value)]
    return equal
