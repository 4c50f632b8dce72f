"""Candidates for similar tracks: those whose signatures agree in two successive values, and more."""

from typing import Any

import numpy as np

from midiprism.native.types import INT64
from midiprism.similarity.kernel.hashing import mix
from midiprism.similarity.kernel.signature import agreement
from midiprism.similarity.kernel.tables import SIGNATURE_VALUES
from midiprism.smf.kernel.jit import array_of, borrowing_helper, entry_point

_HALF = 16


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
