"""Groups tracks that are the same music: candidates by signatures, each link checked, then connected."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any, NamedTuple

import numpy as np

from midiprism.similarity.collection import Collection
from midiprism.similarity.fingerprints import Lines
from midiprism.similarity.kernel.bands import band_keys_kernel, neighbors_kernel
from midiprism.similarity.kernel.compare import compare_kernel
from midiprism.similarity.kernel.tables import LINE_ROW, SIGNATURE_VALUES, new_order
from midiprism.similarity.types import DEFAULT_THRESHOLD

MIN_PHRASES = 12
"""A track with fewer different phrases is too short, or too repetitive, to be in a group."""

_STEPS = (1, 5)
"""A band has the values of a signature at this distance from each other."""

_EQUAL_SHIFT = 32
_MARK_BITS = 22
_WIDTH = 8
_ROWS_PER_CALL = 200_000
_PAIRS_PER_CALL = 2_000
_AGREEMENT = 0.5
"""Signatures agree in half as many values as the threshold demands, at least: 64 values are an estimate."""


class Comparison(NamedTuple):
    """Comparisons of pairs of tracks.

    Attributes:
        similarities: Jaccard indexes of their sets of phrases.
        orders: shares of the phrases of the longer track that both have in the same order; 0 where the
            similarity is less than was asked for.
    """

    similarities: Any
    orders: Any

    @property
    def scores(self) -> Any:
        """The smaller of both shares for each pair."""
        return np.minimum(self.similarities, self.orders)


class Comparer:
    """Compares tracks; any number of threads may use it.

    Args:
        take_lines: returns the lines of tracks by their rows.
    """

    def __init__(self, take_lines: Callable[[Any], Lines]) -> None:
        self._take_lines = take_lines
        self._of_thread = local()

    def compare(self, ones: Any, others: Any, least: float = 0.0) -> Comparison:
        """Compare the tracks of pairs.

        Args:
            ones: rows of the first tracks; int64.
            others: rows of the second ones.
            least: similarity from which on the order of phrases is looked at.
        """
        if not hasattr(self._of_thread, "tables"):
            self._of_thread.tables = np.zeros(2, LINE_ROW), new_order()
        rows, places = np.unique(np.concatenate([ones, others]), return_inverse=True)
        places = places.astype(np.int64)
        pairs = places[: len(ones)], places[len(ones) :]
        similarities, orders = np.empty(len(ones), np.float32), np.empty(len(ones), np.float32)
        lines = self._take_lines(rows)
        compare_kernel(*pairs, *lines, least, similarities, orders, *self._of_thread.tables)
        return Comparison(similarities, orders)


def group_tracks(
    prints: Collection,
    roots: Any,
    first_new: int = 0,
    threshold: float = DEFAULT_THRESHOLD,
    threads: int = 2,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Connect tracks that are similar to each other, at least one of each pair new.

    Args:
        prints: fingerprints of all tracks.
        roots: the smallest row of the group that each track is in; changed. At first each its own.
        first_new: row of the first track that was not grouped before; 0 for all.
        threshold: least score of a link.
        threads: that compare.
        stop: once true, it ends. Then only a part of the tracks is connected.
    """
    _Grouping(prints, roots, first_new, threshold, threads).run(stop)


class _Grouping:
    def __init__(
        self, prints: Collection, roots: Any, first_new: int, threshold: float, threads: int
    ) -> None:
        self._signatures = np.ascontiguousarray(prints.signatures).reshape(-1)
        self._roots = roots
        self._first_new = first_new
        self._threshold = threshold
        self._threads = threads
        self._comparer = Comparer(prints.take_lines)
        self._rows = np.flatnonzero(prints.sizes >= MIN_PHRASES)
        self._refused: Any = np.empty(0, np.int64)

    def run(self, stop: Callable[[], bool]) -> None:
        bands = [(band, step) for step in _STEPS for band in range(SIGNATURE_VALUES)]
        with ThreadPoolExecutor(self._threads, "midiprism-similar") as pool:
            for at in range(0, len(bands), self._threads):
                if stop():
                    return
                found = [*pool.map(self._candidates, bands[at : at + self._threads])]
                self._check(pool, np.unique(np.concatenate(found)))

    def _candidates(self, band: tuple[int, int]) -> Any:
        """Return pairs of tracks that are close to each other in a band, each as one number."""
        keys = np.empty(len(self._rows), np.int64)
        band_keys_kernel(self._signatures, self._rows, *band, keys)
        rows = self._rows
        if self._first_new > 0:
            wanted = _may_be_among(keys >> _EQUAL_SHIFT, keys[rows >= self._first_new] >> _EQUAL_SHIFT)
            rows, keys = rows[wanted], keys[wanted]
        order = np.argsort(keys)
        rows, keys = rows[order], keys[order]
        least = max(2, int(SIGNATURE_VALUES * self._threshold * _AGREEMENT))
        parts = [np.empty(0, np.int64)]
        ones, others = (np.empty(_WIDTH * min(len(rows), _ROWS_PER_CALL), np.int64) for _ in range(2))
        for first in range(0, len(rows), _ROWS_PER_CALL):
            last = min(first + _ROWS_PER_CALL, len(rows))
            limits = first, last, self._first_new, _WIDTH, least
            count = neighbors_kernel(self._signatures, rows, keys, self._roots, *limits, ones, others)
            parts.append(np.unique(ones[:count] << 32 | others[:count]))
        return np.concatenate(parts)

    def _check(self, pool: ThreadPoolExecutor, pairs: Any) -> None:
        """Compare pairs, and connect those that are similar."""
        pairs = pairs[~_contains(self._refused, pairs)]
        calls = [pairs[at : at + _PAIRS_PER_CALL] for at in range(0, len(pairs), _PAIRS_PER_CALL)]
        accepted = [np.empty(0, bool), *pool.map(self._are_similar, calls)]
        similar = np.concatenate(accepted)
        self._refused = np.union1d(self._refused, pairs[~similar])
        connect(self._roots, pairs[similar] >> 32, pairs[similar] & 0xFFFFFFFF)

    def _are_similar(self, pairs: Any) -> Any:
        found = self._comparer.compare(pairs >> 32, pairs & 0xFFFFFFFF, self._threshold)
        return found.scores >= self._threshold


def _may_be_among(values: Any, wanted: Any) -> Any:
    """Return for each value whether it may be among others; False is certain."""
    marks = np.zeros(1 << _MARK_BITS, bool)
    marks[wanted & len(marks) - 1] = True
    return marks[values & len(marks) - 1]


def connect(roots: Any, ones: Any, others: Any) -> None:
    """Connect the rows of pairs; ``roots`` has the smallest row that each row is connected with."""
    while True:
        ones, others = roots[ones], roots[others]
        apart = ones != others
        if not apart.any():
            return
        ones, others = ones[apart], others[apart]
        # The greater of two roots gets the smaller as its root, so there are no cycles; then paths shrink.
        np.minimum.at(roots, np.maximum(ones, others), np.minimum(ones, others))
        above = roots[roots]
        while not np.array_equal(above, roots):
            roots[:], above = above, above[above]


def _contains(sorted_values: Any, values: Any) -> Any:
    """Return for each value whether it is among sorted ones."""
    if not len(sorted_values):
        return np.zeros(len(values), bool)
    at = np.searchsorted(sorted_values, values).clip(max=len(sorted_values) - 1)
    return sorted_values[at] == values
