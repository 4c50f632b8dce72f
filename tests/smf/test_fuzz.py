"""Promises that hold of any bytes, on known broken files and on mutations of good and bad ones."""

from random import Random

import pytest

from support.broken import BROKEN
from support.finds import FINDS
from support.invariants import check_anything
from support.mutate import mutated
from support.strategies import examples, songs
from support.wrapped import CORRUPT, WRAPPED

KNOWN = [(case.what, case.data) for case in (*BROKEN, *WRAPPED)]
KNOWN += [(case.what, case.data) for case in CORRUPT]
KNOWN += FINDS

BATCHES = 8
MUTATIONS = 150


@pytest.mark.parametrize("data", [data for _, data in KNOWN], ids=[what for what, _ in KNOWN])
def test_known_broken_files_keep_every_promise_made_of_any_bytes(data: bytes) -> None:
    check_anything(data)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mutated_files_keep_every_promise_made_of_any_bytes(batch: int) -> None:
    rng = Random(batch)
    seeds = [*(data for _, data in KNOWN), *examples(songs, 60)]
    outcomes = [check_anything(mutated(rng, seeds)) for _ in range(MUTATIONS)]
    # Mutations that only ever gave one outcome would test little.
    assert {"split", "repaired", "no_notes"} < set(outcomes)
