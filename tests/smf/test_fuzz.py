"""Tests of promises that hold for any bytes, on broken files and on mutations of good and bad ones."""

from random import Random

import pytest

from support.broken_files import BROKEN_FILES
from support.fuzz_checks import check_input
from support.fuzz_findings import FUZZ_FINDINGS
from support.midi_strategies import example_songs
from support.mutations import mutated_file
from support.nightly import NIGHTLY
from support.undone_files import UNDONE_FILES
from support.wrapped_files import CORRUPT_FILES, WRAPPED_FILES

KNOWN = [(case.description, case.data) for case in (*BROKEN_FILES, *WRAPPED_FILES, *UNDONE_FILES)]
KNOWN += [(case.description, case.data) for case in CORRUPT_FILES]
KNOWN += FUZZ_FINDINGS

BATCHES = 8 if NIGHTLY else 4
MUTATIONS = 150


@pytest.mark.parametrize("data", [data for _, data in KNOWN], ids=[name for name, _ in KNOWN])
def test_known_broken_files_keep_every_promise_for_any_bytes(data: bytes) -> None:
    check_input(data)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mutated_files_keep_every_promise_for_any_bytes(batch: int) -> None:
    rng = Random(batch)
    seeds = [*(data for _, data in KNOWN), *example_songs(60)]
    outcomes = [check_input(mutated_file(rng, seeds)) for _ in range(MUTATIONS)]
    # Mutations that always gave one outcome would test little.
    assert {"split", "repaired", "no_notes"} < set(outcomes)
