"""Every point at which a relocation can be cut off, one by one: nothing is lost, and nothing is there twice.

Where tracks are files, at each of them; with Parquet, whose steps are the same but for what is copied, at
every third, and in PostgreSQL, where each result needs a catalogue of its own, at every few.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import copying
from midiprism.run import carrying
from midiprism.run.result import place_of_result
from midiprism.run.settings import StoreKind
from support import catalogs as keeping
from support.fake import tree, write
from support.points import KILLED, counted, cut_off
from support.relocating import OTHERS, forbid_renames, held, is_whole, made, move

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("catalogs"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="points are counted in forked processes"),
]

STEPS = {("sqlite", "files"): (11, 1), ("sqlite", "parquet"): (11, 3)}
FAR_STEPS = (29, 13)
"""Between two points: right before a call, and within a write, which is right before any other call."""
KINDS: list[StoreKind] = ["files", "parquet"]


def a_point() -> bool:
    """Asked between two pages of the catalogue: a call at which a process can be cut off."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("nothing of this name")
    return False


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "THREADS", 1)
    monkeypatch.setattr(copying, "_PAGES", 4)


def work(out: Path, new: Path, *, copied: bool, remove: bool) -> Callable[[], str]:
    def relocating() -> str:
        if copied:
            forbid_renames(pytest.MonkeyPatch())
        done = move(out, new, remove=remove, stop=a_point)
        return "done" if done.arrived and not done.stopped else "not done"

    return relocating


def begun(folder: Path, store: StoreKind, whole: Path) -> Path:
    """The result to relocate. One with its catalogue in a file is a copy of ``whole``."""
    if keeping.database(whole) is not None:
        return made(folder, store)
    return Path(shutil.copytree(whole, folder / "out"))


@pytest.mark.parametrize("store", KINDS)
@pytest.mark.parametrize(("copied", "remove"), [(True, False), (True, True), (False, True)])
@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
def test_a_relocation_that_is_cut_off_at_any_point_is_ended_by_the_same_call(
    tmp_path: Path, catalogs: str, store: StoreKind, copied: bool, remove: bool, torn: bool
) -> None:
    whole = made(tmp_path, store, "whole")
    first = write(begun(tmp_path / "first", store, whole), dict.fromkeys(OTHERS, b"mine"))
    points = counted(work(first, tmp_path / "first" / "new", copied=copied, remove=remove))
    assert points > (40 if copied else 5)
    for last in range(1, points + 1, STEPS.get((catalogs, store), FAR_STEPS)[torn]):
        folder = tmp_path / f"{last}"
        out, new = begun(folder, store, whole), folder / "new"
        wanted = held(out, out)
        write(out, dict.fromkeys(OTHERS, b"mine"))
        task = work(out, new, copied=copied, remove=remove)
        assert cut_off(task, out, last, torn=torn) == KILLED, f"point {last} of {points}"
        with pytest.MonkeyPatch.context() as patch:
            if copied:
                forbid_renames(patch)
            done = move(out, new, remove=remove)
            again = move(out, new, remove=remove)
        assert (done.arrived, done.stopped, again.already) == (True, False, True), f"point {last}"
        if not copied:
            assert not out.exists()
            (new / "tracks" / "bass" / "mine.txt").unlink()
        elif remove:
            assert set(tree(out)) == {"midiprism.json", *OTHERS}, f"point {last}"
        else:
            (out / "tracks" / "bass" / "mine.txt").unlink()
            assert held(out, out) == wanted, f"point {last}"
        assert is_whole(out, new), f"point {last}"
        assert held(out, new) == wanted, f"point {last}"
        assert {path for path in tree(new) if path.startswith(".")} <= {".midiprism.lock"}, f"point {last}"
        shutil.rmtree(folder)


@pytest.mark.parametrize("store", KINDS)
@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
def test_at_any_point_one_of_both_folders_is_the_result_and_the_other_leads_there(
    tmp_path: Path, store: StoreKind
) -> None:
    whole = made(tmp_path, store, "whole")
    wanted = held(whole, whole)
    first = begun(tmp_path / "first", store, whole)
    points = counted(work(first, tmp_path / "first" / "new", copied=True, remove=True))
    places = []
    for last in range(1, points + 1, 3):
        folder = tmp_path / f"{last}"
        out, new = begun(folder, store, whole), folder / "new"
        task = work(out, new, copied=True, remove=True)
        assert cut_off(task, out, last, torn=True) == KILLED
        place = Path(place_of_result(str(out)))
        assert is_whole(place, place), f"point {last}"
        assert held(place, place) == wanted, f"point {last}"
        if place == new:
            assert place_of_result(str(new)) == str(new), f"point {last}"
        places.append(place.name)
        shutil.rmtree(folder)
    assert places == sorted(places, reverse=True), "the switch is one step"
    assert set(places) == {"out", "new"}


@pytest.mark.parametrize("store", KINDS)
@pytest.mark.parametrize("catalogs", ["sqlite"], indirect=True)
def test_a_relocation_that_is_cut_off_again_and_again_is_ended(tmp_path: Path, store: StoreKind) -> None:
    whole = made(tmp_path, store, "whole")
    wanted = held(whole, whole)
    first = begun(tmp_path / "first", store, whole)
    points = counted(work(first, tmp_path / "first" / "new", copied=True, remove=True))
    for last in range(3, points + 1, 23):
        for again in range(2, points + 1, 29):
            folder = tmp_path / f"{last}-{again}"
            out, new = begun(folder, store, whole), folder / "new"
            task = work(out, new, copied=True, remove=True)
            cut_off(task, out, last, torn=True)
            cut_off(task, out, again, torn=True)
            assert cut_off(task, out, 0) == 0, f"points {last}, {again}"
            assert is_whole(new, new), f"points {last}, {again}"
            assert held(new, new) == wanted, f"points {last}, {again}"
            assert set(tree(out)) == {"midiprism.json"}, f"points {last}, {again}"
            shutil.rmtree(folder)
