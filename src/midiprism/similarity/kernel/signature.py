"""MinHash signatures of sets of phrases, by one permutation.

Phrases are as good as random numbers, and their first six bits choose one of 64 bins. The value of a bin is
its least phrase: each phrase of it is as likely to be that. A bin without phrases takes the value of the next
one that has some, where bins whose numbers differ in their higher bits are closer. So two sets agree in a
value with the probability that is their Jaccard index. One hash of each phrase and value, as usual, takes
three times the time for sets of 200 phrases.
"""

from typing import Any

import numpy as np

from midiprism.similarity.kernel.tables import SIGNATURE_VALUES
from midiprism.smf.kernel.jit import bounds_checked_by_hand, unsigned_index

_BIN_SHIFT = np.uint32(26)
"""The first six bits of a phrase are the number of its bin."""

EMPTY = np.uint32(0xFFFFFFFF)


@bounds_checked_by_hand
def _or(value: int, other: int) -> int:
    """Return a value, or another one if it is empty."""
    return other if value == EMPTY else value


@bounds_checked_by_hand
def _fill_from_far(signatures: Any, base: int) -> int:
    """Fill empty bins from those whose numbers differ by 32, then by 16, then by 8.

    Each round of the loop is one lane of eight vectors.

    Returns:
        The number of the eight rounds in which no bin had a value.
    """
    empty = 0
    for at in range(base, base + 8):
        a, b = signatures[unsigned_index(at)], signatures[unsigned_index(at + 8)]
        c, d = signatures[unsigned_index(at + 16)], signatures[unsigned_index(at + 24)]
        e, f = signatures[unsigned_index(at + 32)], signatures[unsigned_index(at + 40)]
        g, h = signatures[unsigned_index(at + 48)], signatures[unsigned_index(at + 56)]
        a, b, c, d, e, f, g, h = (
            *(_or(a, e), _or(b, f), _or(c, g), _or(d, h)),
            *(_or(e, a), _or(f, b), _or(g, c), _or(h, d)),
        )
        a, b, c, d = _or(a, c), _or(b, d), _or(c, a), _or(d, b)
        e, f, g, h = _or(e, g), _or(f, h), _or(g, e), _or(h, f)
        a, b, c, d = _or(a, b), _or(b, a), _or(c, d), _or(d, c)
        e, f, g, h = _or(e, f), _or(f, e), _or(g, h), _or(h, g)
        signatures[unsigned_index(at)], signatures[unsigned_index(at + 8)] = a, b
        signatures[unsigned_index(at + 16)], signatures[unsigned_index(at + 24)] = c, d
        signatures[unsigned_index(at + 32)], signatures[unsigned_index(at + 40)] = e, f
        signatures[unsigned_index(at + 48)], signatures[unsigned_index(at + 56)] = g, h
        empty += a == EMPTY
    return empty


@bounds_checked_by_hand
def _fill_from_near(signatures: Any, base: int) -> None:
    """Fill empty bins from those whose numbers differ by 4, then by 2, then by 1."""
    for distance in (4, 2, 1):
        for value in range(SIGNATURE_VALUES):
            if value & distance == 0:
                one, other = unsigned_index(base + value), unsigned_index(base + value + distance)
                left, right = signatures[one], signatures[other]
                signatures[one], signatures[other] = _or(left, right), _or(right, left)


@bounds_checked_by_hand
def sign(phrases: Any, start: int, stop: int, signatures: Any, row: int) -> None:
    """Write the signature of ``phrases[start:stop]``, as 32-bit numbers, to a row of ``signatures``."""
    base = row * SIGNATURE_VALUES
    if start < 0 or stop > phrases.shape[0] or base < 0 or base + SIGNATURE_VALUES > signatures.shape[0]:
        raise IndexError("a set outside of its array")
    for value in range(SIGNATURE_VALUES):
        signatures[unsigned_index(base + value)] = EMPTY
    for at in range(start, stop):
        phrase = phrases[unsigned_index(at)]
        place = unsigned_index(base) + unsigned_index(phrase >> _BIN_SHIFT)
        signatures[place] = min(signatures[place], phrase)
    if _fill_from_far(signatures, base) > 0 and start < stop:
        _fill_from_near(signatures, base)


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
