"""A result in Parquet files on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.fake import BASS, DRUMS, PIANO, Ready, fake_split, song, write

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def out(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("midiprism.run.engine.LazySplitter", lambda *_: Ready(fake_split))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "songs", {"a.mid": song(PIANO, BASS), "b.mid": song(BASS, DRUMS)})
    code, told, _ = run("split", "songs", "-o", "out", "--store", "parquet", "--workers", "0")
    assert (code, "3 " in told) == (0, True)
    return "out"


def test_list_says_where_a_track_lies(run: Run, out: str) -> None:
    _, told, _ = run("list", out, "--json")
    for fact in map(json.loads, told.splitlines()):
        row = pq.read_table(Path(out) / fact["path"]).to_pylist()[fact["row"]]
        assert (row["blake3"], row["size"]) == (fact["digest"], fact["size"])
    _, paths, _ = run("list", out, "--paths", "--song", "a")
    assert [line.rpartition(":")[2] for line in paths.splitlines()] == ["0", "1"]
    assert all(Path(line.rpartition(":")[0]).is_file() for line in paths.splitlines())
    _, table, _ = run("list", out)
    assert ".parquet:0" in table


def test_export_takes_tracks_out_of_it(run: Run, out: str) -> None:
    assert run("export", out, "--to", "tree", "--by", "song")[0] == 0
    found = {path.name: path.read_text() for path in Path("tree").rglob("*.mid")}
    assert sorted(found.values()) == sorted([PIANO, BASS, BASS, DRUMS])
    code, _, said = run("export", out, "--to", "other", "--hardlink")
    assert (code, "leave --hardlink out" in said) == (2, True)
    assert not Path("other").exists()


def test_status_and_verify_tell_of_it(run: Run, out: str) -> None:
    _, told, _ = run("status", out)
    assert "in 2 Parquet files" in told
    totals = json.loads(run("status", out, "--json")[1])["totals"]
    assert totals["shards"] == 2
    assert totals["shard_bytes"] == sum(path.stat().st_size for path in Path(out).rglob("*-*.parquet"))
    assert run("verify", out)[0] == 0
    next(Path(out).rglob("tracks-*.parquet")).unlink()
    code, told, said = run("verify", out)
    assert (code, "Parquet files that are lost or damaged" in told + said) == (1, True)


def test_another_store_exits_2(run: Run, out: str) -> None:
    code, _, said = run("split", "songs", "-o", out, "--store", "files")
    assert (code, "leave --store out" in said) == (2, True)


def test_a_library_that_is_taken_over_gets_files(run: Run, out: str) -> None:
    address = ["--database", "postgresql://nowhere.invalid/x"]
    code, _, said = run("split", "-o", "new", "--adopt", *address, "--store", "parquet", "--yes")
    assert (code, "name files" in said) == (2, True)
