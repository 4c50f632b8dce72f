"""Tests of the commits of a split: batches and groups, and what an end at any time leaves."""

import os
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import BatchRecord
from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.sqlite.catalog import SqliteCatalog
from midiprism.errors import StoreError
from midiprism.pipeline import Settings
from midiprism.pipeline import group_commit as group
from midiprism.pipeline.group_commit import GroupLimits
from midiprism.results.status import read_status
from midiprism.stores.files.store import FileStore
from support import catalog_access
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, write_files
from support.library_runs import rows, run
from support.result_content import tracks
from support.runs import make_settings

pytestmark = pytest.mark.usefixtures("catalog_backend")


@pytest.mark.parametrize(
    "batch", [make_settings(batch_songs=1), make_settings(batch_songs=7), make_settings(batch_bytes=50)]
)
def test_the_result_does_not_depend_on_the_size_of_batches(tmp_path: Path, batch: Settings) -> None:
    files = {f"{n}.mid": fake_song(PIANO + str(n // 2), BASS, DRUMS + str(n)) for n in range(30)}
    files |= {f"copy{n}.mid": files[f"{n}.mid"] for n in range(5)}
    source = write_files(tmp_path / "songs", files)
    whole, parts = run(source, tmp_path / "whole"), run(source, tmp_path / "parts", batch)
    assert tracks(tmp_path / "whole") == tracks(tmp_path / "parts")
    timeless = [row._replace(song_id=0, added=None) for row in rows(tmp_path / "whole")]
    assert timeless == [row._replace(song_id=0, added=None) for row in rows(tmp_path / "parts")]
    assert (whole.outcomes, whole.tracks_new, whole.songs_copies) == (
        parts.outcomes,
        parts.tracks_new,
        parts.songs_copies,
    )


def test_an_interrupted_run_keeps_finished_songs_and_the_next_one_continues(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(10)})
    out, split = tmp_path / "out", []

    def count_and_split(data: bytes) -> object:
        split.append(data)
        return fake_split(data)

    first = run(source, out, splitter=count_and_split, stop=lambda: len(split) >= 4)  # type: ignore[arg-type]
    assert (first.state, first.songs_done) == ("interrupted", 4)
    assert query(out, "SELECT state FROM runs") == [("interrupted",)]
    second = run(source, out, splitter=count_and_split)  # type: ignore[arg-type]
    assert (second.songs_done, second.songs_skipped, len(split)) == (6, 4, 10)


def test_a_crash_between_files_and_commit_is_repaired_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog_backend: str
) -> None:
    source, out = (
        write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)}),
        tmp_path / "out",
    )
    brief = make_settings(lease_seconds=1.0)

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        for kind in (SqliteCatalog, PostgresCatalog):
            patch.setattr(kind, "commit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(source, out, brief)
    assert query(out, "SELECT count(*) FROM tracks") == [(0,)]
    torn = next((out / "tracks/bass").rglob("*.mid"))
    torn.chmod(0o644)
    torn.write_bytes(b"Ba")
    os.utime(torn, (1, 1))
    if catalog_backend == "sqlite":  # no other run is active, so temporary files are removed
        (torn.parent / ".00.tmp").write_bytes(b"x")
    summary = run(source, out, brief)
    assert (summary.tracks_new, summary.bytes_written) == (2, len(BASS)), "what is whole is not written again"
    assert sorted(data.decode() for data in tracks(out).values()) == sorted([PIANO, BASS])
    runs = read_status(str(out), database=catalog_access.postgres_address(out)).runs
    assert [one.state for one in runs] == ["done", "cut off"]


def test_files_are_durable_before_they_are_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(4)})
    order: list[str] = []

    def record_calls(owner: type, name: str) -> None:
        method = getattr(owner, name)

        def call(*arguments: object) -> object:
            order.append(name)
            return method(*arguments)

        monkeypatch.setattr(owner, name, call)

    record_calls(FileStore, "put")
    record_calls(FileStore, "flush")
    record_calls(
        PostgresCatalog if catalog_access.postgres_address(tmp_path / "out") else SqliteCatalog, "commit"
    )
    run(source, tmp_path / "out", make_settings(batch_songs=2, in_flight=1))
    assert order == ["put", "put", "flush", "commit"] * 2


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_batches_within_a_short_time_are_flushed_and_committed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(40)})
    flushes: list[int] = []
    monkeypatch.setattr(FileStore, "flush", lambda _store: flushes.append(1))
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(max_songs=16, max_seconds=600.0))
    summary = run(source, tmp_path / "out", make_settings(batch_songs=4))
    assert (summary.songs_done, len(flushes)) == (40, 3)
    counts = "SELECT count(*), count(DISTINCT committed_at) FROM batches WHERE songs > 0"
    assert query(tmp_path / "out", counts) == [(10, 3)]


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_groups_become_smaller_once_all_batches_are_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(40)})
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(min_songs=8, max_seconds=600.0))
    assert committed_group_sizes(monkeypatch, source, tmp_path / "out", make_settings(batch_songs=4)) == [
        20,
        12,
        8,
    ]


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_groups_begin_small_and_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(40)})
    monkeypatch.setattr(group, "GROUP_LIMITS", GroupLimits(max_songs=8, min_songs=2, max_seconds=600.0))
    settings = make_settings(batch_songs=2, in_flight=5)
    assert committed_group_sizes(monkeypatch, source, tmp_path / "out", settings) == [2, 4, 8, 8, 8, 8, 2]


def committed_group_sizes(
    monkeypatch: pytest.MonkeyPatch, source: Path, out: Path, settings: Settings
) -> list[int]:
    """Return the number of songs of each group that a run commits."""
    commit, found = SqliteCatalog.commit, []

    def count_and_commit(catalog: SqliteCatalog, run_id: int, batches: list[BatchRecord], *more: Any) -> Any:
        found.append(sum(len(batch.songs) for batch in batches))
        return commit(catalog, run_id, batches, *more)

    monkeypatch.setattr(SqliteCatalog, "commit", count_and_commit)
    assert run(source, out, settings).songs_done == 40
    return found


def test_a_full_disk_stops_the_run_and_keeps_committed_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_files(tmp_path / "songs", {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(6)})
    out, create, written = tmp_path / "out", os.write, []

    def write_until_full(descriptor: int, data: bytes) -> int:
        if bytes(data).startswith(b"Piano"):
            written.append(data)
        if len(written) > 4:
            raise OSError(28, "No space left on device")
        return create(descriptor, data)

    monkeypatch.setattr(os, "write", write_until_full)
    summary = run(source, out, make_settings(batch_songs=2))
    monkeypatch.undo()
    assert (summary.state, summary.songs_done) == ("stopped", 4)
    assert isinstance(summary.error, StoreError)
    assert "disk is full" in str(summary.error)
    assert query(out, "SELECT state FROM runs") == [("stopped",)]
    assert query(out, "SELECT count(*) FROM tracks") == [(4,)]
    assert run(source, out).songs_done == 2
