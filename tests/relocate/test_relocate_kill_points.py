"""Tests of relocations that are killed at any point: nothing is lost or duplicated.

Relocations of track files are killed at the most points. Those of Parquet files, which differ only in the
files that are copied, are killed at fewer, as are those with a catalog in PostgreSQL, which take longer.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog.sqlite import backup as copying
from midiprism.relocate import copy as carrying
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import locate_result
from support import catalog_access
from support.fake_songs import read_tree, write_files
from support.kill_points import KILLED_EXIT_CODE, count_points, run_killed_at
from support.nightly import every
from support.relocation import (
    KINDS,
    OTHER_FILES,
    forbid_renames,
    is_intact,
    make_result,
    relocate,
    relocated_content,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("catalog_backend"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes"),
]

STEPS = {("sqlite", "files"): (11, 1), ("sqlite", "parquet"): (11, 3)}
POSTGRES_STEPS = (29, 13)
"""Distances between points: for kills right before a call, and within a write (or before another call)."""


def pass_kill_point() -> bool:
    """Make a call at which a process can be killed, between two pages of the catalog; return False."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("nothing of this name")
    return False


@pytest.fixture(autouse=True)
def copy_in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "COPY_THREADS", 1)
    monkeypatch.setattr(copying, "_PAGES_PER_STEP", 4)


def relocation_task(out: Path, new: Path, *, copied: bool, remove: bool) -> Callable[[], str]:
    def relocate_once() -> str:
        if copied:
            forbid_renames(pytest.MonkeyPatch())
        done = relocate(out, new, remove=remove, stop=pass_kill_point)
        return "done" if done.arrived and not done.stopped else "not done"

    return relocate_once


def result_to_relocate(folder: Path, store: StoreKind, whole: Path) -> Path:
    """Return a result to relocate. One with its catalog in a file is a copy of ``whole``."""
    if catalog_access.postgres_address(whole) is not None:
        return make_result(folder, store)
    return Path(shutil.copytree(whole, folder / "out"))


@pytest.mark.parametrize("store", KINDS)
@pytest.mark.parametrize(("copied", "remove"), [(True, False), (True, True), (False, True)])
@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_a_relocation_killed_at_any_point_is_completed_by_the_same_call(
    tmp_path: Path, catalog_backend: str, store: StoreKind, copied: bool, remove: bool, torn: bool
) -> None:
    whole = make_result(tmp_path, store, "whole")
    first = write_files(
        result_to_relocate(tmp_path / "first", store, whole), dict.fromkeys(OTHER_FILES, b"mine")
    )
    points = count_points(relocation_task(first, tmp_path / "first" / "new", copied=copied, remove=remove))
    assert points > (40 if copied else 5)
    step = STEPS.get((catalog_backend, store), POSTGRES_STEPS)[torn]
    for last in every(7 * step, range(1, points + 1), nightly_step=step):
        folder = tmp_path / f"{last}"
        out, new = result_to_relocate(folder, store, whole), folder / "new"
        wanted = relocated_content(out, out)
        write_files(out, dict.fromkeys(OTHER_FILES, b"mine"))
        task = relocation_task(out, new, copied=copied, remove=remove)
        assert run_killed_at(task, out, last, tear_write=torn) == KILLED_EXIT_CODE, (
            f"point {last} of {points}"
        )
        with pytest.MonkeyPatch.context() as patch:
            if copied:
                forbid_renames(patch)
            done = relocate(out, new, remove=remove)
            again = relocate(out, new, remove=remove)
        assert (done.arrived, done.stopped, again.already_moved) == (True, False, True), f"point {last}"
        if not copied:
            assert not out.exists()
            (new / "tracks" / "bass" / "mine.txt").unlink()
        elif remove:
            assert set(read_tree(out)) == {"midiprism.json", *OTHER_FILES}, f"point {last}"
        else:
            (out / "tracks" / "bass" / "mine.txt").unlink()
            assert relocated_content(out, out) == wanted, f"point {last}"
        assert is_intact(out, new), f"point {last}"
        assert relocated_content(out, new) == wanted, f"point {last}"
        assert {path for path in read_tree(new) if path.startswith(".")} <= {".midiprism.lock"}, (
            f"point {last}"
        )
        shutil.rmtree(folder)


@pytest.mark.parametrize("store", KINDS)
@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_at_any_point_one_folder_is_the_result_and_the_other_points_to_it(
    tmp_path: Path, store: StoreKind
) -> None:
    whole = make_result(tmp_path, store, "whole")
    wanted = relocated_content(whole, whole)
    first = result_to_relocate(tmp_path / "first", store, whole)
    points = count_points(relocation_task(first, tmp_path / "first" / "new", copied=True, remove=True))
    places = []
    for last in every(9, range(1, points + 1), nightly_step=3):
        folder = tmp_path / f"{last}"
        out, new = result_to_relocate(folder, store, whole), folder / "new"
        task = relocation_task(out, new, copied=True, remove=True)
        assert run_killed_at(task, out, last, tear_write=True) == KILLED_EXIT_CODE
        place = Path(locate_result(str(out)))
        assert is_intact(place, place), f"point {last}"
        assert relocated_content(place, place) == wanted, f"point {last}"
        if place == new:
            assert locate_result(str(new)) == str(new), f"point {last}"
        places.append(place.name)
        shutil.rmtree(folder)
    assert places == sorted(places, reverse=True), "the switch is one step"
    assert set(places) == {"out", "new"}


@pytest.mark.parametrize("store", KINDS)
@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_a_relocation_that_is_killed_twice_is_completed(tmp_path: Path, store: StoreKind) -> None:
    whole = make_result(tmp_path, store, "whole")
    wanted = relocated_content(whole, whole)
    first = result_to_relocate(tmp_path / "first", store, whole)
    points = count_points(relocation_task(first, tmp_path / "first" / "new", copied=True, remove=True))
    for last in every(92, range(3, points + 1), nightly_step=23):
        for again in every(58, range(2, points + 1), nightly_step=29):
            folder = tmp_path / f"{last}-{again}"
            out, new = result_to_relocate(folder, store, whole), folder / "new"
            task = relocation_task(out, new, copied=True, remove=True)
            run_killed_at(task, out, last, tear_write=True)
            run_killed_at(task, out, again, tear_write=True)
            assert run_killed_at(task, out, 0) == 0, f"points {last}, {again}"
            assert is_intact(new, new), f"points {last}, {again}"
            assert relocated_content(new, new) == wanted, f"points {last}, {again}"
            assert set(read_tree(out)) == {"midiprism.json"}, f"points {last}, {again}"
            shutil.rmtree(folder)
