"""Tests of commands on a result in Parquet files, with its catalog in a file and in PostgreSQL."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from midiprism.integrity import repair
from midiprism.pipeline import runner
from support.fake_songs import (
    BASS,
    DRUMS,
    PIANO,
    LoadedSplitter,
    fake_song,
    fake_split,
    read_tree,
    write_files,
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["sqlite", "postgres"])
def database_options(request: pytest.FixtureRequest) -> list[str]:
    """Return the options that name the catalog."""
    return ["--database", request.getfixturevalue("postgres").new_database()] * (request.param == "postgres")


@pytest.fixture
def out(run_cli: Run, database_options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(runner, "LazySplitter", lambda *_: LoadedSplitter(fake_split))
    monkeypatch.setattr(repair, "LazySplitter", lambda *_: LoadedSplitter(fake_split))
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS, DRUMS)})
    code, output, _ = run_cli(
        "split", "songs", "-o", "out", "--store", "parquet", "--workers", "0", *database_options
    )
    assert (code, "3 " in output) == (0, True)
    return "out"


def rows(kind: str) -> int:
    return sum(pq.read_table(path).num_rows for path in Path("out", kind).glob("*.parquet"))


def test_a_result_is_files_of_tracks_links_and_songs(out: str, database_options: list[str]) -> None:
    assert {kind: rows(kind) for kind in ("tracks", "links", "songs")} == {
        "tracks": 3,
        "links": 4,
        "songs": 2,
    }
    assert not list(Path(out).rglob("*.mid"))
    assert Path(out, "catalog.sqlite").exists() == (not database_options)


def test_a_later_run_need_not_name_the_store(run_cli: Run, out: str, database_options: list[str]) -> None:
    before = read_tree(Path(out, "tracks"))
    write_files(Path("songs"), {"c.mid": fake_song(PIANO, "Organ;Drawbar Organ;;new")})
    code, output, _ = run_cli("split", "songs", "-o", out, "--workers", "0", "--json", *database_options)
    summary = json.loads(output.splitlines()[-1])
    assert (code, summary["songs_done"], summary["tracks_new"]) == (0, 1, 1)
    assert before.items() < read_tree(Path(out, "tracks")).items()
    assert {kind: rows(kind) for kind in ("tracks", "links", "songs")} == {
        "tracks": 4,
        "links": 6,
        "songs": 3,
    }


def test_list_prints_the_file_and_row_of_a_track(run_cli: Run, out: str, database_options: list[str]) -> None:
    _, output, _ = run_cli("list", out, "--json", *database_options)
    facts = [json.loads(line) for line in output.splitlines()]
    assert len(facts) == 4
    for fact in facts:
        row = pq.read_table(Path(out) / fact["path"]).to_pylist()[fact["row"]]
        assert (row["blake3"], row["size"]) == (fact["digest"], fact["size"])
    _, paths, _ = run_cli("list", out, "--paths", "--song", "a", *database_options)
    named = [line.rpartition(":") for line in paths.splitlines()]
    texts = [pq.read_table(path).to_pylist()[int(row)]["music"].decode() for path, _, row in named]
    assert texts == [PIANO, BASS]
    _, table, _ = run_cli("list", out, "--columns", "row,path", *database_options)
    assert table.splitlines()[1].split() == [str(facts[0]["row"]), facts[0]["path"]]


def test_export_writes_tracks_from_shards(run_cli: Run, out: str, database_options: list[str]) -> None:
    assert run_cli("export", out, "--to", "tree", "--by", "song", *database_options)[0] == 0
    exported = {path.name: path.read_text() for path in Path("tree").rglob("*.mid")}
    assert sorted(exported.values()) == sorted([PIANO, BASS, BASS, DRUMS])
    code, _, errors = run_cli("export", out, "--to", "other", "--hardlink", *database_options)
    assert (code, "leave --hardlink out" in errors) == (2, True)
    assert not Path("other").exists()


def test_a_lost_shard_is_reported_and_repaired(run_cli: Run, out: str, database_options: list[str]) -> None:
    _, output, _ = run_cli("status", out, *database_options)
    assert "in 2 Parquet files" in output
    totals = json.loads(run_cli("status", out, "--json", *database_options)[1])["totals"]
    assert totals["shards"] == 2
    assert totals["shard_bytes"] == sum(path.stat().st_size for path in Path(out).rglob("*-*.parquet"))
    assert run_cli("verify", out, *database_options)[0] == 0
    next(Path(out).rglob("tracks-*.parquet")).unlink()
    code, output, errors = run_cli("verify", out, *database_options)
    assert (code, "shards that are lost or damaged" in output + errors) == (1, True)
    assert run_cli("verify", out, "--repair", *database_options)[0] == 0
    assert run_cli("verify", out, *database_options)[0] == 0
    assert rows("tracks") == 3


def test_another_store_exits_2(run_cli: Run, out: str, database_options: list[str]) -> None:
    before = read_tree(Path(out, "tracks")) | read_tree(Path(out, "links"))
    code, _, errors = run_cli("split", "songs", "-o", out, "--store", "files", *database_options)
    assert (code, "leave --store out" in errors) == (2, True)
    assert read_tree(Path(out, "tracks")) | read_tree(Path(out, "links")) == before
    run_cli("split", "songs", "-o", "plain", "--workers", "0", "--quiet")
    code, _, errors = run_cli("split", "songs", "-o", "plain", "--store", "parquet")
    assert (code, "made with --store files" in errors) == (2, True)


def test_an_adopted_library_needs_files(
    run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = ["--database", "postgresql://nowhere.invalid/x"]
    code, _, errors = run_cli("split", "-o", "new", "--adopt", *address, "--store", "parquet", "--yes")
    assert (code, "name files" in errors) == (2, True)
