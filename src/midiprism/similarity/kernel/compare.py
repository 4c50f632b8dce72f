"""Compares tracks in pairs: how many phrases they share, and how many of these in the same order."""

from typing import Any

import numpy as np

from midiprism.native.types import FLOAT64
from midiprism.similarity.kernel.hashing import add, empty, find, number_of
from midiprism.similarity.kernel.phrases import load_line, make_phrases
from midiprism.similarity.kernel.tables import LINE_ROW, NO_PHRASE, ORDER_BITS, ORDER_ROW
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point

_WORD = (1 << ORDER_BITS) - 1


@borrowing_helper
def _shared_phrases(one: Any, other: Any) -> int:
    """Return how many phrases two sets have in common."""
    shared = 0
    for number in range(one.count):
        key = one.members[number]
        shared += other.stamps[find(other, key)] == other.stamp
    return shared


@borrowing_helper
def _mark_positions(order: Any, phrases: Any, count: int, words: int) -> None:
    """Fill for each phrase of a line a bit for each of its positions."""
    empty(order, count)
    for at in range(count):
        if phrases[at] == NO_PHRASE:
            continue
        if add(order, phrases[at]):
            for word in range(words):
                order.masks[(order.count - 1) * words + word] = 0
        order.masks[number_of(order, phrases[at]) * words + at // ORDER_BITS] |= 1 << at % ORDER_BITS


@borrowing_helper
def _in_order(order: Any, phrases: Any, count: int, others: Any, other_count: int) -> int:
    """Return the length of the longest sequence of phrases that two lines have in the same order.

    By the bits of Hyyrö (2004): the row has a 0 for each step of the sequence, and a phrase that the first
    line lacks leaves it as it is.
    """
    words = (count + ORDER_BITS - 1) // ORDER_BITS
    _mark_positions(order, phrases, count, words)
    for word in range(words):
        order.row[word] = _WORD
    for at in range(other_count):
        number = number_of(order, others[at]) if others[at] != NO_PHRASE else -1
        if number < 0:
            continue
        carry = 0
        for word in range(words):
            row, mask = order.row[word], order.masks[number * words + word]
            total = row + (row & mask) + carry
            carry = total >> ORDER_BITS
            order.row[word] = (total | row & ~mask) & _WORD
    steps = 0
    for at in range(count):
        steps += order.row[at // ORDER_BITS] >> at % ORDER_BITS & 1 == 0
    return steps


@borrowing_helper
def _order_share(order: Any, one: Any, other: Any) -> float:
    """Return the share of the phrases of the longer line that both have in the same order, of both lines."""
    longer = max(one.phrase_count, other.phrase_count)
    coarse = max(one.coarse_phrase_count, other.coarse_phrase_count)
    if longer == 0 or coarse == 0:
        return 0.0
    fine = _in_order(order, one.phrases, one.phrase_count, other.phrases, other.phrase_count) / longer
    steps = _in_order(
        order, one.coarse_phrases, one.coarse_phrase_count, other.coarse_phrases, other.coarse_phrase_count
    )
    return max(fine, steps / coarse)


@entry_point(
    (
        array_of(np.int64, readonly=True),
        array_of(np.int64, readonly=True),
        array_of(np.int64, readonly=True),
        array_of(np.uint16, readonly=True),
        array_of(np.uint8, readonly=True),
        array_of(np.uint8, readonly=True),
        FLOAT64,
        array_of(np.float32),
        array_of(np.float32),
        array_of(np.int64),
        array_of(LINE_ROW),
        array_of(ORDER_ROW),
    )
)
def compare_kernel(
    ones: Any,
    others: Any,
    starts: Any,
    gaps: Any,
    pitches: Any,
    drums: Any,
    least: float,
    similarities: Any,
    orders: Any,
    shared_counts: Any,
    lines: Any,
    order_table: Any,
) -> None:
    """Compare tracks in pairs.

    Args:
        ones: the first track of each pair; faster if equal ones follow each other.
        others: the second one.
        starts: where the line of each track starts in ``gaps`` and ``pitches``, and the end of the last one.
        gaps: of all lines, and so ``pitches``.
        drums: 1 for each line of drums, else 0.
        least: of the similarity; the order of less similar pairs is not looked at, and 0.
        similarities: filled with the Jaccard index of the sets of phrases of each pair.
        orders: filled with the share of phrases in the same order.
        shared_counts: filled with the number of phrases that both have.
        lines: two rows of LINE_ROW, zero at first.
        order_table: one row of ORDER_ROW, zero at first.
    """
    one, other, order = lines[0], lines[1], order_table[0]
    loaded = -1
    for pair in range(ones.shape[0]):
        if ones[pair] != loaded:
            loaded = ones[pair]
            load_line(one, gaps, pitches, starts[loaded], starts[loaded + 1], drums[loaded])
            make_phrases(one)
        index = others[pair]
        load_line(other, gaps, pitches, starts[index], starts[index + 1], drums[index])
        make_phrases(other)
        shared = _shared_phrases(one, other) if one.drums == other.drums else 0
        together = one.count + other.count - shared
        shared_counts[pair] = shared
        similarities[pair] = shared / together if together > 0 else 0.0
        orders[pair] = _order_share(order, one, other) if similarities[pair] >= least else 0.0
