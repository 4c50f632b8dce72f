"""Groups tracks that are the same music: candidates by signatures, each link checked.

The first track of a group leads it. Groups are joined only if their first tracks are similar: otherwise a
long chain of tracks, each like the next one, would connect what is not alike.
"""

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

MIN_PHRASES = 16
"""A track with fewer different phrases is too short, or too repetitive, to be in a group."""

MIN_SHARED = 32
NEARLY_EQUAL = 0.35
"""Tracks that share fewer phrases may do so by chance, as broken chords, scales and drum fills do. They are
only linked with at least this score."""

MAX_REFUSALS = 32
"""A track that was refused by so many others is commonplace, and is compared no more; bounds the time."""

_STEPS = (21, 27)
"""A band has the values of a signature at this distance from each other."""

_EQUAL_SHIFT = 32
_ROW_SHIFT = 32
_ROW_MASK = 0xFFFFFFFF
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
        shared: numbers of different phrases that both have.
    """

    similarities: Any
    orders: Any
    shared: Any

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
        shared = np.empty(len(ones), np.int64)
        lines = self._take_lines(rows)
        compare_kernel(*pairs, *lines, least, similarities, orders, shared, *self._of_thread.tables)
        return Comparison(similarities, orders, shared)


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
        self._apart: Any = np.empty(0, np.int64)
        self._refusals = np.zeros(len(roots), np.int32)

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
            parts.append(np.unique(ones[:count] << _ROW_SHIFT | others[:count]))
        return np.concatenate(parts)

    def _check(self, pool: ThreadPoolExecutor, pairs: Any) -> None:
        """Compare the first tracks of the groups of pairs, and join the groups of those that are similar."""
        while len(pairs := self._new_leaders_of(pairs)):
            calls = [pairs[at : at + _PAIRS_PER_CALL] for at in range(0, len(pairs), _PAIRS_PER_CALL)]
            similar = np.concatenate([*pool.map(self._are_similar, calls)])
            self._apart = np.union1d(self._apart, pairs[~similar])
            np.add.at(self._refusals, pairs[~similar] & _ROW_MASK, 1)
            pairs = pairs[similar]
            self._join(pairs)

    def _new_leaders_of(self, pairs: Any) -> Any:
        """Return the pairs of first tracks of the groups of pairs, unless they are known to be apart."""
        ones, others = self._roots[pairs >> _ROW_SHIFT], self._roots[pairs & _ROW_MASK]
        differ = ones != others
        ones, others = ones[differ], others[differ]
        leaders = np.unique(np.minimum(ones, others) << _ROW_SHIFT | np.maximum(ones, others))
        leaders = leaders[self._refusals[leaders & _ROW_MASK] < MAX_REFUSALS]
        return leaders[~_contains(self._apart, leaders)]

    def _join(self, leaders: Any) -> None:
        """Join groups whose first tracks are similar: each with one whose first track keeps its place."""
        ones, others = leaders >> _ROW_SHIFT, leaders & _ROW_MASK
        joined, places = np.unique(
            others, return_index=True
        )  # pairs are sorted: with the smallest first track
        into = ones[places]
        stays = ~_contains(joined, into)
        connect(self._roots, into[stays], joined[stays])

    def _are_similar(self, pairs: Any) -> Any:
        found = self._comparer.compare(pairs >> _ROW_SHIFT, pairs & _ROW_MASK, self._threshold)
        scores = found.scores
        return (scores >= self._threshold) & ((found.shared >= MIN_SHARED) | (scores >= NEARLY_EQUAL))


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
