"""Ranges of ids."""

import numpy as np

from midiprism.search.index.id_ranges import ranges_of


def test_ids_become_ranges_that_are_sorted_and_do_not_touch() -> None:
    assert ranges_of(np.array([7, 3, 4, 9, 5, 8, 3, 1], np.int64)) == [(1, 1), (3, 5), (7, 9)]


def test_no_ids_are_no_ranges() -> None:
    assert ranges_of(np.empty(0, np.int64)) == []
