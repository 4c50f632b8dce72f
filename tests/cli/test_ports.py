"""Tests of ports in both stores and catalogs, and in lists."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import midiprism
from support.midi_writer import meta, note, program_change, song, track

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["sqlite", "postgres"])
def database_options(request: pytest.FixtureRequest) -> list[str]:
    """Return the options that name the catalog."""
    return ["--database", request.getfixturevalue("postgres").new_database()] * (request.param == "postgres")


def write_song(folder: Path) -> None:
    """Write a song with a track without port, and one on port 1 of the same channel."""
    piano = track([(0, program_change(0, 0)), *note(0, 60, 0, 40)])
    violin = track([(0, meta(0x21, b"\1")), (0, program_change(0, 40)), *note(0, 70, 0, 40)])
    folder.mkdir()
    (folder / "a.mid").write_bytes(song(piano, violin))


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_the_port_of_a_track_is_stored_and_listed(
    run_cli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    database_options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_song(tmp_path / "songs")
    command = ("split", "songs", "-o", "out", "--store", store, "--workers", "0", "--quiet")
    assert run_cli(*command, *database_options)[0] == 0
    _, output, _ = run_cli("list", "out", "--json", *database_options)
    found = [json.loads(line) for line in output.splitlines()]
    assert [(it["port"], it["instrument"]) for it in found] == [(None, "Acoustic Grand Piano"), (1, "Violin")]
    if not database_options:
        assert [row.link.port for row in midiprism.open_result("out").find()] == [None, 1]
    if store == "parquet":
        table = pq.read_table(next(Path("out", "links").glob("*.parquet")))
        assert table["port"].to_pylist() == [None, 1]
