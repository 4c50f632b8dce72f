"""Groups tracks that are the same music: candidates by signatures, each link checked.

The first track of a group leads it. Groups are joined if their first tracks are similar, or half as similar
where two others of their tracks are very similar: otherwise a long chain of tracks, each like the next one,
would connect what is not alike.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any, NamedTuple

import numpy as np

from midiprism.similarity.collection import Collection
from midiprism.similarity.fingerprints import Lines
from midiprism.similarity.kernel.bands import (
    BANDS,
    BLOCK,
    MARK_BITS,
    MARK_BYTES,
    STEPS,
    band_keys_kernel,
    mark_kernel,
    marked_kernel,
    neighbors_kernel,
)
from midiprism.similarity.kernel.compare import compare_kernel
from midiprism.similarity.kernel.tables import LINE_ROW, SIGNATURE_VALUES, new_order
from midiprism.similarity.types import DEFAULT_THRESHOLD

MIN_PHRASES = 16
"""A track with fewer different phrases is too short, or too repetitive, to be in a group."""

MIN_SHARED = 32
NEARLY_EQUAL = 0.35
"""Tracks that share fewer phrases may do so by chance, as broken chords, scales and drum fills do. They are
only linked with at least this score."""

VERY_SIMILAR = 0.4
"""Tracks with this score, and enough phrases in common, join groups whose first tracks are less similar."""

LEADER_SHARE = 0.5
"""The share of the threshold that the score of these first tracks has to reach."""

MAX_REFUSALS = 32
"""A track that was refused by so many others is commonplace, and is compared no more; bounds the time."""

_MAX_DIRECT_REFUSALS = 8
"""The same for a track that was found not to be very similar to others."""

_ROW_SHIFT = 32
_ROW_MASK = 0xFFFFFFFF
_WIDTH = 8
_ROWS_PER_CALL = 200_000
_MARKED_ROWS_PER_CALL = 50_000
_MOST_MARKED = 1 << MARK_BITS - 3
"""With the marks of more new tracks too many others would share one."""
_PAIRS_PER_CALL = 2_000
_AGREEMENT = 0.5
_STRONG_AGREEMENT = 0.75
"""Signatures agree in such a share of the values that a score demands: 64 values are an estimate."""


class _Candidates(NamedTuple):
    """Pairs of tracks, each as one number: that of the smaller row, then that of the other one; ascending.

    Attributes:
        pairs: those that may be similar.
        strong: those of them that may be very similar.
    """

    pairs: Any
    strong: Any


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
        self._sizes = prints.sizes
        self._marked: list[tuple[Any, Any]] | None = None
        self._apart: Any = np.empty(0, np.int64)
        self._refusals = np.zeros(len(roots), np.int32)
        self._direct_refusals = np.zeros(len(roots), np.int32)
        self._compared: Any = np.empty(0, np.int64)
        self._far_apart: Any = np.empty(0, np.int64)

    def run(self, stop: Callable[[], bool]) -> None:
        with ThreadPoolExecutor(self._threads, "midiprism-similar") as pool:
            self._find_marked(pool)
            for at in range(0, BANDS, self._threads):
                if stop():
                    return
                found = [*pool.map(self._candidates, range(at, min(at + self._threads, BANDS)))]
                self._check(pool, _sorted_once([it.pairs for it in found]))
                self._check_strong(pool, _sorted_once([it.strong for it in found]))

    def _find_marked(self, pool: ThreadPoolExecutor) -> None:
        """Find the tracks that share a mark with a new one, in each band; they alone can be in a pair."""
        new = self._rows[self._rows >= self._first_new]
        if self._first_new == 0 or len(new) > _MOST_MARKED:
            return
        marks, halves = np.zeros(MARK_BYTES, np.uint8), np.empty(SIGNATURE_VALUES * BLOCK, np.uint16)
        mark_kernel(self._signatures, new, marks, halves)

        def find(rows: Any) -> tuple[Any, Any]:
            room = BANDS * len(rows) + 1
            numbers, found = np.empty(room, np.uint8), np.empty(room, np.int32)
            halves = np.empty(SIGNATURE_VALUES * BLOCK, np.uint16)
            count = marked_kernel(self._signatures, rows, marks, halves, numbers, found)
            return numbers[:count].copy(), found[:count].copy()

        starts = range(0, len(self._rows), _MARKED_ROWS_PER_CALL)
        self._marked = [*pool.map(find, [self._rows[at : at + _MARKED_ROWS_PER_CALL] for at in starts])]

    def _rows_of_band(self, number: int) -> Any:
        """Return the rows of the tracks that can be in a pair of a band."""
        if self._marked is None:
            return self._rows
        parts = [found[numbers == number] for numbers, found in self._marked]
        return np.concatenate([np.empty(0, np.int32), *parts]).astype(np.int64)

    def _candidates(self, number: int) -> _Candidates:
        """Return pairs of tracks that are close to each other in a band."""
        rows = self._rows_of_band(number)
        keys = np.empty(len(rows), np.int64)
        step = STEPS[number // SIGNATURE_VALUES]
        band_keys_kernel(self._signatures, rows, number % SIGNATURE_VALUES, step, keys)
        order = np.argsort(keys)
        rows, keys = rows[order], keys[order]
        least = max(2, int(SIGNATURE_VALUES * self._threshold * _AGREEMENT))
        many = int(SIGNATURE_VALUES * VERY_SIMILAR * _STRONG_AGREEMENT)
        parts, strong = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        room = _WIDTH * min(len(rows), _ROWS_PER_CALL)
        ones, others, flags = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8)
        for first in range(0, len(rows), _ROWS_PER_CALL):
            last = min(first + _ROWS_PER_CALL, len(rows))
            limits = first, last, self._first_new, _WIDTH, least, many
            count = neighbors_kernel(self._signatures, rows, keys, self._roots, *limits, ones, others, flags)
            pairs = ones[:count] << _ROW_SHIFT | others[:count]
            parts.append(pairs)
            strong.append(pairs[flags[:count] != 0])
        return _Candidates(_sorted_once(parts), _sorted_once(strong))

    def _check(self, pool: ThreadPoolExecutor, pairs: Any) -> None:
        """Compare the first tracks of the groups of pairs, and join the groups of those that are similar."""
        while len(pairs := self._commonplace_left_out(self._leaders_of(pairs, self._apart))):
            similar = self._are_similar(pool, pairs, self._threshold, NEARLY_EQUAL)
            self._apart = np.union1d(self._apart, pairs[~similar])
            np.add.at(self._refusals, pairs[~similar] & _ROW_MASK, 1)
            pairs = pairs[similar]
            self._join(pairs)

    def _leaders_of(self, pairs: Any, apart: Any) -> Any:
        """Return the pairs of first tracks of the groups of pairs, unless they are known to be apart."""
        ones, others = self._roots[pairs >> _ROW_SHIFT], self._roots[pairs & _ROW_MASK]
        differ = ones != others
        ones, others = ones[differ], others[differ]
        leaders = _sorted_once([np.minimum(ones, others) << _ROW_SHIFT | np.maximum(ones, others)])
        return leaders[~contains(apart, leaders)]

    def _commonplace_left_out(self, leaders: Any) -> Any:
        return leaders[self._refusals[leaders & _ROW_MASK] < MAX_REFUSALS]

    def _join(self, leaders: Any) -> None:
        """Join groups whose first tracks are similar: each with one whose first track keeps its place."""
        ones, others = leaders >> _ROW_SHIFT, leaders & _ROW_MASK
        # Pairs are sorted, so that each is joined with the smallest first track.
        joined, places = np.unique(others, return_index=True)
        into = ones[places]
        stays = ~contains(joined, into)
        connect(self._roots, into[stays], joined[stays])

    def _check_strong(self, pool: ThreadPoolExecutor, pairs: Any) -> None:
        """Compare the tracks of pairs, and join the groups of those that are very similar."""
        least = max(VERY_SIMILAR, self._threshold)
        pairs = pairs[~(contains(self._compared, pairs) | contains(self._apart, pairs))]
        pairs = pairs[self._may_share_enough(pairs >> _ROW_SHIFT, pairs & _ROW_MASK)]
        if not len(pairs):
            return
        similar = self._are_similar(pool, pairs, least, math.inf)
        self._compared = np.union1d(self._compared, pairs)
        ones, others = pairs >> _ROW_SHIFT, pairs & _ROW_MASK
        for rows in (ones, others):
            np.add.at(self._direct_refusals, rows[~similar], 1)
        pairs = pairs[similar]
        while len(leaders := self._leaders_of(pairs, self._far_apart)):
            limit = LEADER_SHARE * self._threshold
            near = self._are_similar(pool, leaders, limit, limit)
            self._far_apart = np.union1d(self._far_apart, leaders[~near])
            self._join(leaders[near])

    def _may_share_enough(self, ones: Any, others: Any) -> Any:
        """Return for each pair whether it is worth comparing: tracks of two groups, neither commonplace."""
        refused = np.maximum(self._direct_refusals[ones], self._direct_refusals[others])
        return (
            (self._roots[ones] != self._roots[others])
            & (refused < _MAX_DIRECT_REFUSALS)
            & (np.minimum(self._sizes[ones], self._sizes[others]) >= MIN_SHARED)
        )

    def _are_similar(self, pool: ThreadPoolExecutor, pairs: Any, least: float, nearly_equal: float) -> Any:
        """Return for each pair whether its score suffices, and whether enough of its phrases are the same."""

        def check(part: Any) -> Any:
            found = self._comparer.compare(part >> _ROW_SHIFT, part & _ROW_MASK, least)
            scores = found.scores
            return (scores >= least) & ((found.shared >= MIN_SHARED) | (scores >= nearly_equal))

        calls = [pairs[at : at + _PAIRS_PER_CALL] for at in range(0, len(pairs), _PAIRS_PER_CALL)]
        return np.concatenate([*pool.map(check, calls)])


def _sorted_once(parts: Sequence[Any]) -> Any:
    """Return the numbers of all parts, each once, ascending."""
    values = np.sort(np.concatenate(parts))
    return values[np.flatnonzero(np.diff(values, prepend=-1))]


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


def contains(sorted_values: Any, values: Any) -> Any:
    """Return for each value whether it is among sorted ones."""
    if not len(sorted_values):
        return np.zeros(len(values), bool)
    at = np.searchsorted(sorted_values, values).clip(max=len(sorted_values) - 1)
    return sorted_values[at] == values
