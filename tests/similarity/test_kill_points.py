"""Tests of fingerprints and groups, killed before or within any write: nothing is half done."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog.reader import open_reader
from midiprism.results.identity import StoreKind
from midiprism.search.upkeep import update_search_index
from midiprism.similarity.folder import similarity_folder
from midiprism.similarity.generation import read_generation
from support.index_checks import assert_index_equals_scan
from support.kill_points import KILLED_EXIT_CODE, count_points, find_write_points, run_killed_at
from support.melodies import make_melody, ornamented, transposed
from support.nightly import NIGHTLY, every, nightly
from support.similar_results import (
    address_of,
    group,
    song_groups,
    split_melodies,
    track_groups,
    track_ids,
    update,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes"),
]

FIRST, SECOND = (ornamented(make_melody(seed)) for seed in (1, 2))


def grown_result(folder: Path, store: StoreKind, *, grouped: bool) -> Path:
    """Return a result of which some tracks have fingerprints, one was lost and is back, and some are new."""
    songs = {"first": [FIRST, make_melody(10)], "first in D": [transposed(FIRST, 2)], "second": [SECOND]}
    out = split_melodies(folder, songs, store)
    tracks = sorted((out / "tracks").rglob("*.mid" if store == "files" else "*.parquet"))
    lost, data = tracks[0], tracks[0].read_bytes()
    lost.unlink()
    (group if grouped else update)(out)
    lost.write_bytes(data)
    split_melodies(folder, {"second in D": [transposed(SECOND, 2)], "alone": [make_melody(20)]}, store)
    update_search_index(str(out), address_of(out))
    return out


def points_of(work: Callable[[], str], *, torn: bool) -> list[int]:
    return find_write_points(work) if torn else [*range(1, count_points(work) + 1)]


def fingerprints_of(out: Path) -> list[int]:
    """Return the ids of the tracks whose fingerprints are recorded; every segment can be read."""
    generation = read_generation(similarity_folder(str(out)))
    for segment in generation:
        assert len(segment.signatures) == len(segment) == len(segment.lines)
    return track_ids(generation)


def groups_of(out: Path) -> tuple[object, object]:
    return track_groups(out), sorted(map(sorted, song_groups(out)))


@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_fingerprints_killed_at_any_write_are_completed_by_the_next_update(
    tmp_path: Path, torn: bool
) -> None:
    def prepare(name: str) -> tuple[Path, Callable[[], str]]:
        out = grown_result(tmp_path / name, "files", grouped=False)
        return out, lambda: "done" if update(out).whole else "stopped"

    out, work = prepare("whole")
    before = fingerprints_of(out)
    points = points_of(work, torn=torn)
    assert len(points) >= (3 if torn else 12)
    whole = fingerprints_of(out)
    assert len(before) < len(whole) == 6
    for kill_at in every(3, points):
        killed, task = prepare(f"{kill_at}")
        assert run_killed_at(task, killed, kill_at, tear_write=torn) == KILLED_EXIT_CODE
        found = fingerprints_of(killed)
        assert set(before) <= set(found) <= set(whole), f"point {kill_at}"
        assert update(killed).whole
        assert fingerprints_of(killed) == whole, f"point {kill_at}"
        assert not list(Path(similarity_folder(str(killed))).glob("*.tmp"))


@pytest.mark.parametrize("store", ["files", "parquet"])
@pytest.mark.parametrize("torn", [pytest.param(False, id="before"), *nightly(True)])
@pytest.mark.usefixtures("catalog_backend")
def test_a_grouping_killed_at_any_write_records_no_half_group(
    tmp_path: Path, store: StoreKind, torn: bool
) -> None:
    def prepare(name: str) -> tuple[Path, Callable[[], str]]:
        out = grown_result(tmp_path / name, store, grouped=True)
        return out, lambda: "done" if group(out).whole else "stopped"

    out, work = prepare("whole")
    before = groups_of(out)
    points = points_of(work, torn=torn)
    whole = groups_of(out)
    assert before != whole == ([["first", "first in D"], ["second", "second in D"]],) * 2
    assert len(points) >= (3 if torn else 20)
    for kill_at in every(24, points):
        killed, task = prepare(f"{kill_at}")
        assert run_killed_at(task, killed, kill_at, tear_write=torn) == KILLED_EXIT_CODE
        assert groups_of(killed) in (before, whole), f"point {kill_at}"
        assert group(killed).whole
        assert groups_of(killed) == whole, f"point {kill_at}"
        with open_reader(address_of(killed)) as reader:
            assert fingerprints_of(killed) == [
                row[0] for row in reader.fetch("SELECT id FROM {tracks} ORDER BY id")
            ]
        if kill_at == points[-1] or NIGHTLY:
            assert_index_equals_scan(killed, random.Random(1), queries=5)
