"""Candidates for similar tracks: those whose signatures agree in two successive values, and more."""

from typing import Any

import numpy as np

from midiprism.native.types import INT64
from midiprism.similarity.kernel.hashing import mix
from midiprism.similarity.kernel.signature import agreement
from midiprism.similarity.kernel.tables import SIGNATURE_VALUES
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point

_HALF = 16

STEPS = (21, 27)
"""A band has the values of a signature at this distance from each other."""

BANDS = len(STEPS) * SIGNATURE_VALUES
"""Bands are numbered, first those of one step, then those of the other."""

MARK_BITS = 16
"""Bits of the number of a mark, in each band: a number from the first half of a key."""

_MARK_FACTOR = 0x9E37

BLOCK = 256
"""Tracks that are looked at together."""

MARK_BYTES = BANDS << MARK_BITS >> 3


@borrowing_helper
def _band_key(signatures: Any, row: int, band: int, step: int) -> int:
    """Return a number by which tracks are sorted: 32 bits of two values, and 31 of two more."""
    base = row * SIGNATURE_VALUES
    key = 0
    for part in range(4):
        value = mix(int(signatures[base + (band + part * step) % SIGNATURE_VALUES]))
        key = key << _HALF | (value & (1 << _HALF) - 1)
        if part == 0:
            key >>= 1
    return key


@borrowing_helper
def _fill_halves(signatures: Any, row: int, halves: Any, place: int) -> None:
    """Fill the part of keys that each value of a signature gives, for the track at a place of a block."""
    for value in range(SIGNATURE_VALUES):
        half = mix(int(signatures[row * SIGNATURE_VALUES + value])) & (1 << _HALF) - 1
        halves[value * BLOCK + place] = half


@borrowing_helper
def _mark_of(halves: Any, number: int, place: int) -> int:
    """Return the place of the mark that tracks share whose keys in a band begin with the same two values."""
    band = number % SIGNATURE_VALUES
    step = STEPS[0] if number < SIGNATURE_VALUES else STEPS[1]
    first = int(halves[band * BLOCK + place])
    second = int(halves[(band + step) % SIGNATURE_VALUES * BLOCK + place])
    return number << MARK_BITS | (first >> 1) * _MARK_FACTOR + second & (1 << MARK_BITS) - 1


@entry_point(
    (
        array_of(np.uint32, readonly=True),
        array_of(np.int64, readonly=True),
        array_of(np.uint8),
        array_of(np.uint16),
    )
)
def mark_kernel(signatures: Any, rows: Any, marks: Any, halves: Any) -> None:
    """Set the marks of tracks in all bands.

    Args:
        signatures: of all tracks.
        rows: of the tracks to mark.
        marks: a bit for each mark, ``MARK_BYTES`` of them.
        halves: room for ``SIGNATURE_VALUES * BLOCK`` numbers.
    """
    for index in range(rows.shape[0]):
        _fill_halves(signatures, rows[index], halves, 0)
        for number in range(BANDS):
            mark = _mark_of(halves, number, 0)
            marks[mark >> 3] |= 1 << (mark & 7)


@entry_point(
    (
        array_of(np.uint32, readonly=True),
        array_of(np.int64, readonly=True),
        array_of(np.uint8, readonly=True),
        array_of(np.uint16),
        array_of(np.uint8),
        array_of(np.int32),
    )
)
def marked_kernel(signatures: Any, rows: Any, marks: Any, halves: Any, numbers: Any, marked: Any) -> int:
    """Find the tracks that share a mark, and return how many were found in all bands.

    It goes band by band through a block of tracks, so that the marks of a band stay in the cache.

    Args:
        signatures: of all tracks.
        rows: of the tracks to look at.
        marks: as ``mark_kernel`` sets them.
        halves: room for ``SIGNATURE_VALUES * BLOCK`` numbers.
        numbers: filled with the number of a band for each track that was found; room for ``BANDS`` a track,
            and one more.
        marked: filled with their rows; the same room.
    """
    count = 0
    for start in range(0, rows.shape[0], BLOCK):
        size = min(BLOCK, rows.shape[0] - start)
        for place in range(size):
            _fill_halves(signatures, rows[start + place], halves, place)
        for number in range(BANDS):
            for place in range(size):
                mark = _mark_of(halves, number, place)
                # Without a branch, which a processor could not predict.
                numbers[count] = number
                marked[count] = rows[start + place]
                count += marks[mark >> 3] >> (mark & 7) & 1
    return count


@entry_point(
    (
        array_of(np.uint32, readonly=True),
        array_of(np.int64, readonly=True),
        INT64,
        INT64,
        array_of(np.int64),
    )
)
def band_keys_kernel(signatures: Any, rows: Any, band: int, step: int, keys: Any) -> None:
    """Fill the key of each row of signatures in a band: values ``band``, ``band + step`` and so on."""
    for index in range(rows.shape[0]):
        keys[index] = _band_key(signatures, rows[index], band, step)


@entry_point(
    (
        array_of(np.uint32, readonly=True),
        array_of(np.int64, readonly=True),
        array_of(np.int64, readonly=True),
        array_of(np.int64, readonly=True),
        INT64,
        INT64,
        INT64,
        INT64,
        INT64,
        INT64,
        array_of(np.int64),
        array_of(np.int64),
        array_of(np.uint8),
    )
)
def neighbors_kernel(
    signatures: Any,
    rows: Any,
    keys: Any,
    groups: Any,
    first: int,
    last: int,
    first_new: int,
    width: int,
    least: int,
    many: int,
    ones: Any,
    others: Any,
    agree_in_many: Any,
) -> int:
    """Fill pairs of tracks that are close to each other in a band, and return how many there are.

    Args:
        signatures: of all tracks.
        rows: of the tracks in the order of their keys.
        keys: of these tracks, ascending.
        groups: a number for each track: those with the same one are no pair any more.
        first: place of the first of ``rows`` that is looked at, and so ``last``, which is not.
        first_new: a pair has a track of this row or a later one.
        width: so many of those behind a track are looked at.
        least: values in which signatures have to agree.
        many: values in which the signatures of few pairs agree.
        ones: room for ``width`` pairs a track.
        others: the same; the smaller row of a pair is in ``ones``.
        agree_in_many: the same; 1 for pairs whose signatures agree in ``many`` values, else 0.
    """
    count = 0
    for at in range(first, last):
        for behind in range(at + 1, min(at + 1 + width, rows.shape[0])):
            if keys[at] >> 2 * _HALF != keys[behind] >> 2 * _HALF:
                break
            one, other = min(rows[at], rows[behind]), max(rows[at], rows[behind])
            if other < first_new or groups[one] == groups[other]:
                continue
            equal = agreement(signatures, one, other)
            if equal >= least:
                ones[count] = one
                others[count] = other
                agree_in_many[count] = equal >= many
                count += 1
    return count
