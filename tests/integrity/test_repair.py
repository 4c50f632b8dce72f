"""Tests of repairs of results in files: damage is found, and repaired from the songs."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.sample import generate_songs as sample_songs
from midiprism.sources import open_folders
from support import catalog_access
from support.fake_songs import BASS, PIANO, fake_song, read_tree, write_files
from support.nightly import on_both_databases
from support.result_content import tracks
from support.result_damage import (
    DAMAGES,
    NAMES,
    change,
    cut,
    facts,
    file_of,
    flip,
    link_missing,
    make_result,
    orphan,
    rename,
    repair,
    rewrite,
    row_missing,
    song_missing,
    split,
    verify,
)
from support.runs import make_settings, run_source


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog_backend: str) -> Path:
    return make_result(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("catalog_backend", "inflict", "kinds"),
    on_both_databases(DAMAGES.items(), NAMES),
    indirect=["catalog_backend"],
)
def test_damage_is_found_and_repaired_as_a_dry_run_predicts(
    tmp_path: Path, out: Path, inflict: Callable[[Path], None], kinds: set[str]
) -> None:
    files, known = tracks(out), facts(out)
    inflict(out)
    outside, songs = read_tree(tmp_path / "outside"), read_tree(tmp_path / "songs")
    before = read_tree(out)
    found = verify(out)
    assert set(found.counts) == kinds
    assert not found.ok
    assert all(len(examples) == found.counts[kind] for kind, examples in found.examples.items())
    predicted = repair(out, dry_run=True)
    assert read_tree(out) == before, "a dry run writes nothing"
    assert (predicted.unrepaired_count, predicted.unrepaired, predicted.run_id) == (0, [], None)

    done = repair(out)
    assert done.ok, done.unrepaired
    assert done.damage_report.counts == found.counts
    assert verify(out).counts == {}
    assert tracks(out) == files
    assert facts(out) == known
    assert (read_tree(tmp_path / "outside"), read_tree(tmp_path / "songs")) == (outside, songs)
    again = repair(out)
    assert (again.ok, again.run_id, again.damage_report.damage_count) == (True, None, 0)


def test_a_partial_repair_leaves_other_damage(out: Path) -> None:
    flip(out)
    orphan(out)
    rewrite(file_of(out, PIANO + "last"), b"x")
    assert repair(out, VerifyScope(first_run=2)).files == 1
    assert set(verify(out).counts) == {"content", "orphan"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_replaced(out: Path) -> None:
    file_of(out, BASS).chmod(0)
    assert verify(out).counts == {"unreadable": 1}
    assert repair(out).ok
    assert verify(out).ok


@pytest.mark.parametrize(
    "inflict", [cut, rename, link_missing, song_missing, row_missing], ids=lambda it: it.__name__
)
def test_unrepairable_damage_is_named_and_no_copy_is_lost(
    tmp_path: Path, out: Path, inflict: Callable[[Path], None]
) -> None:
    whole = tracks(out)
    inflict(out)
    left = tracks(out)
    shutil.move(tmp_path / "songs", tmp_path / "away")
    done = repair(out)
    assert not done.ok
    assert done.unrepaired
    assert all(b"songs" in damage.name or b"tracks/" in damage.name for damage in done.unrepaired)
    assert any("bring it back" in damage.message for damage in done.unrepaired)
    kept = tracks(out)
    assert {path: kept[path] for path in left if path in whole} == {
        path: data for path, data in left.items() if path in whole
    }
    assert not verify(out).ok
    shutil.move(tmp_path / "away", tmp_path / "songs")
    assert repair(out).ok
    assert (verify(out).counts, tracks(out)) == ({}, whole)


def test_a_repair_uses_any_path_that_has_the_content_of_the_song(tmp_path: Path, out: Path) -> None:
    (tmp_path / "songs" / "a.mid").write_bytes(fake_song(PIANO + "changed"))
    file_of(out, PIANO).unlink()
    assert repair(out).ok
    assert verify(out).ok
    file_of(out, PIANO).unlink()
    (tmp_path / "songs" / "copy.mid").write_bytes(b"changed")
    done = repair(out)
    assert [damage.name.rpartition(b"-")[0] for damage in done.unrepaired] == [
        os.path.dirname(next(iter(done.unrepaired)).name) + b"/Right Hand"
    ]
    assert "a.mid" in done.unrepaired[0].message
    assert "copy.mid" in done.unrepaired[0].message
    assert PIANO + "changed" not in [data.decode() for data in tracks(out).values()]


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spoil", ["cut", "zero", "missing", "empty", "text"])
def test_a_damaged_catalog_is_reported_and_recreated_without_rewriting_files(
    tmp_path: Path, out: Path, spoil: str
) -> None:
    path = out / "catalog.sqlite"
    data = path.read_bytes()
    known, files = facts(out), {path: path.stat().st_mtime_ns for path in (out / "tracks").rglob("*.mid")}
    path.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "zero": data[:4096] + bytes(len(data) - 4096),
            "missing": b"",
            "empty": b"",
            "text": b"what is this" * 400,
        }[spoil]
    )
    if spoil == "missing":
        path.unlink()
    before = read_tree(out)
    found = verify(out)
    assert set(found.counts) == {"catalog"}
    assert read_tree(out) == before
    done = repair(out)
    assert [damage.kind for damage in done.unrepaired] == ["catalog"]
    assert {name: data for name, data in read_tree(out).items() if "lock" not in name} == {
        name: data for name, data in before.items() if "lock" not in name
    }
    path.unlink(missing_ok=True)
    split(tmp_path / "songs", out)
    assert verify(out).ok
    assert facts(out) == known
    assert {path: path.stat().st_mtime_ns for path in (out / "tracks").rglob("*.mid")} == files


@pytest.mark.usefixtures("catalog_backend")
def test_real_songs_are_repaired_to_the_same_bytes(tmp_path: Path) -> None:
    source, out = tmp_path / "songs", tmp_path / "out"
    write_files(source, {f"{number}.mid": one.data for number, one in enumerate(sample_songs(12, seed=3))})
    library = open_folders([source])
    run_source(library, str(out), make_settings(workers=0, database=catalog_access.postgres_address(out)))
    files, known = tracks(out), facts(out)
    for number, path in enumerate(sorted((out / "tracks").rglob("*.mid"))):
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            rewrite(path, path.read_bytes()[:-1])
    change(out, "DELETE FROM tracks WHERE id % 4 = 0", "DELETE FROM links WHERE position = 2")
    done = repair(out, splitter=None)
    assert done.ok, done.unrepaired
    assert verify(out).ok
    assert (tracks(out), facts(out)) == (files, known)
