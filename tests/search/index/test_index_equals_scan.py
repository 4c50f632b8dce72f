"""Tests of the index beside the catalog: whatever changes, it finds what a scan of the catalog finds."""

import random
from pathlib import Path

import pytest

from midiprism.search.index import update
from support.index_checks import ChangingCatalog, assert_index_equals_scan, make_result
from support.nightly import NIGHTLY

pytestmark = pytest.mark.usefixtures("catalog_backend")

SEEDS = range(40) if NIGHTLY else range(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_index_finds_what_a_scan_finds_after_every_change(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(update, "MAX_SEGMENT_LINKS", rng.choice((5, 40, 800_000)))
    monkeypatch.setattr(update, "SMALLEST_TIER_LINKS", rng.choice((2, 2_000)))
    out = make_result(tmp_path / "out")
    changing = ChangingCatalog(out, rng)
    for _ in range(30):
        for _ in range(rng.choice((1, 1, 3))):
            changing.change()
        assert_index_equals_scan(out, rng, queries=6)
