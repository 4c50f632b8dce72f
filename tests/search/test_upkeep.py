"""Tests of the index of a result that commands change: after runs, removals and relocations, in any store."""

import os
import random
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.errors import StoreError
from midiprism.integrity.verify import verify_result
from midiprism.relocate.relocate import relocate_result
from midiprism.results.identity import StoreKind
from midiprism.search.index.generation import INDEX_FOLDER, index_folder, read_generation
from midiprism.search.upkeep import start_update_after_run
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.index_checks import assert_index_equals_scan
from support.removals import forget, split_library, undo
from support.runs import make_settings, run_split

STORES: tuple[StoreKind, ...] = ("files", "parquet")


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    files = {f"{name}.mid": fake_song(PIANO, BASS + name, DRUMS) for name in "abc"}
    return write_files(tmp_path / "songs", files)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.usefixtures("catalog_backend")
def test_the_index_follows_runs_removals_and_their_undoing(tmp_path: Path, store: StoreKind) -> None:
    rng = random.Random(3)
    out = split_library(tmp_path, store)
    assert_index_equals_scan(out, rng, queries=5)
    forget(out, "b", "e")
    assert_index_equals_scan(out, rng, queries=5)
    undo(out)
    assert_index_equals_scan(out, rng, queries=5)
    (tmp_path / "songs" / "b.mid").unlink()
    (tmp_path / "songs" / "e.mid").rename(tmp_path / "songs" / "moved.mid")
    split_library(tmp_path, store, prune=True)
    assert_index_equals_scan(out, rng, queries=5)
    address = catalog_access.postgres_address(out)
    assert verify_result(str(out), VerifyScope(), database=address).ok


def test_a_run_brings_the_index_up_to_date_when_it_is_done(songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = make_settings(workers=0)
    assert run_split(songs, out, settings, after_run=start_update_after_run).state == "done"
    first = read_generation(index_folder(str(out)))
    assert first is not None
    assert len(first.segments[0].columns["songs.id"]) == 3
    run_split(songs, out, settings, after_run=start_update_after_run)
    write_files(songs, {"d.mid": fake_song(PIANO)})
    stopped = run_split(songs, out, settings, after_run=start_update_after_run, stop=lambda: True)
    assert stopped.state == "interrupted"
    still = read_generation(index_folder(str(out)))
    assert still is not None
    assert still.state == first.state, "an interrupted run ends at once"


def test_a_run_whose_derived_files_cannot_be_written_is_done_with_a_warning(
    songs: Path, tmp_path: Path
) -> None:
    def fail() -> None:
        raise StoreError("The disk is full.")

    warnings: list[str] = []
    summary = run_split(songs, tmp_path / "out", after_run=lambda *_: fail, on_warning=warnings.append)
    assert (summary.state, warnings) == ("done", ["The disk is full."])


def test_a_relocation_leaves_the_index_behind_and_removes_it(songs: Path, tmp_path: Path) -> None:
    out, new = tmp_path / "out", tmp_path / "new"
    run_split(songs, out, make_settings(workers=0), after_run=start_update_after_run)
    new.mkdir()
    done = relocate_result(str(out), str(new), remove=True)
    assert done.files_left == 0
    assert not os.path.exists(out / INDEX_FOLDER)
    assert not (done.method == "copy" and os.path.exists(new / INDEX_FOLDER))
    assert_index_equals_scan(new, random.Random(1), queries=3)
