"""Tests of sources and stores that fail: each file has an outcome, or the run stops with advice."""

import contextlib
import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midiprism.errors import StoreError, UsageError
from midiprism.pipeline import Settings, Summary
from midiprism.pipeline.open_result import OpenResult, open_result
from midiprism.sources import open_folders
from midiprism.stores.files.store import FileStore
from support import catalog_access
from support.failing_parts import FailingSource, FailingStore
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.nightly import nightly
from support.result_content import result_content
from support.runs import make_settings, run_source

NUMBERS = [errno.EIO, errno.EACCES, errno.ENOSPC]


def run(source: Path, out: Path, *, workers: int = 0, **settings: Any) -> Summary:
    library = open_folders([source], os.fsencode(out))
    run_settings = make_settings(
        workers=workers, database=catalog_access.postgres_address(out), lease_seconds=1.0, **settings
    )
    return run_source(library, str(out), run_settings, splitter=fake_split)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"{n}.mid": fake_song(PIANO + str(n), BASS) for n in range(24)}
    return write_files(tmp_path_factory.mktemp("library") / "songs", files)


@pytest.fixture(scope="module")
def undisturbed(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the content of the result of a run without faults."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run(songs, out)
    return result_content(out)


@pytest.fixture(scope="module")
def undisturbed_with_first(songs: Path, first_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("whole") / "out"
    run(songs, out)
    run(first_source, out)
    return result_content(out)


@pytest.mark.usefixtures("catalog_backend")
@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_files_are_named_and_retried(tmp_path: Path, workers: int) -> None:
    names = ["eio", "eacces", "vanish", "changing"]
    files = {f"{n}.mid": fake_song(PIANO + str(n)) for n in range(9)}
    source = write_files(
        tmp_path / "songs", files | {f"{name}.mid": fake_song(BASS + name) for name in names}
    )
    plain = open_folders([source])
    library = FailingSource(plain.source_paths, plain.folders)
    out = tmp_path / "out"
    settings = make_settings(workers=workers, batch_songs=3, database=catalog_access.postgres_address(out))
    summary = run_source(library, str(out), settings, splitter=fake_split)
    assert (summary.state, summary.outcomes) == ("done", {"split": 9, "unreadable": 4})
    assert {failure.code for failure in summary.failures} == {"io", "permission", "vanished", "changing"}
    again = run(source, out)
    assert (again.songs_done, again.songs_failed, again.songs_skipped) == (4, 0, 9)
    run(source, tmp_path / "whole")
    assert result_content(out) == result_content(tmp_path / "whole")


@pytest.mark.parametrize(
    ("catalog_backend", "workers", "number", "after"),
    [
        *(("sqlite", *case) for case in itertools.product([0, 1, 2], NUMBERS, [0, 1, 7])),
        *(("postgres", *case) for case in ((0, errno.EIO, 0), (1, errno.EACCES, 1), (2, errno.ENOSPC, 7))),
    ],
    indirect=["catalog_backend"],
)
def test_a_store_failure_stops_the_run_and_the_next_one_completes_it(
    songs: Path, undisturbed: Any, tmp_path: Path, catalog_backend: str, workers: int, number: int, after: int
) -> None:
    out = tmp_path / "out"

    @contextlib.contextmanager
    def open_failing(out: str, settings: Settings) -> Iterator[OpenResult]:
        with open_result(out, settings) as result:
            yield replace(result, store=FailingStore(out, number, after))

    library = open_folders([songs])
    settings = make_settings(
        workers=workers, batch_songs=2, database=catalog_access.postgres_address(out), lease_seconds=1.0
    )
    summary = run_source(library, str(out), settings, splitter=fake_split, open_result=open_failing)
    assert summary.state == "stopped"
    assert os.strerror(number) in str(summary.error)
    assert run(songs, out, workers=workers).state == "done"
    assert result_content(out) == undisturbed


@pytest.mark.parametrize("call", ["open", "write", "mkdir", "replace"])
@pytest.mark.parametrize("number", [*NUMBERS, *nightly(errno.EROFS, errno.EDQUOT, errno.ENAMETOOLONG)])
@pytest.mark.parametrize("after", [0, 3, 11])
def test_a_disk_failure_at_any_call_leaves_no_partial_file(
    songs: Path,
    first_source: Path,
    undisturbed: Any,
    undisturbed_with_first: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    after: int,
) -> None:
    out = tmp_path / "out"
    run(first_source, out)
    planted = next((out / "tracks").rglob("*.mid"))
    if call == "replace":  # a partial file has the path of a new one
        for path in undisturbed[0]:
            target = out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"torn")
            os.utime(target, (1, 1))
    function, calls = getattr(os, call), []

    def call_or_fail(*arguments: Any, **options: Any) -> Any:
        if call != "open" or (arguments[1] & os.O_CREAT and "tracks" in os.fsdecode(arguments[0])):
            calls.append(call)
            if len(calls) > after:
                raise OSError(number, os.strerror(number))
        return function(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, call_or_fail)
        summary = run(songs, out, batch_songs=2, in_flight=1)
    assert summary.state == "stopped"
    assert "run the same command again" in str(summary.error)
    assert planted.read_bytes().decode().endswith("first")
    assert run(songs, out).state == "done"
    assert result_content(out) == undisturbed_with_first


def test_short_writes_are_continued(
    songs: Path, undisturbed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_some = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write_some(descriptor, bytes(data)[:3]))
        run(songs, tmp_path / "out")
    assert result_content(tmp_path / "out") == undisturbed


@pytest.mark.usefixtures("catalog_backend")
def test_a_flush_that_fails_commits_nothing(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_store: FileStore) -> None:
        raise StoreError("the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "flush", fail)
        summary = run(songs, tmp_path / "out")
    assert (summary.state, summary.songs_done) == ("stopped", 0)
    assert run(songs, tmp_path / "out").songs_done == 24


def test_a_network_file_system_is_refused_with_the_reason(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midiprism.metrics.devices.network_file_system", lambda _path: "nfs4")
    with pytest.raises(UsageError, match="network file system"):
        run(songs, tmp_path / "out")
    assert not (tmp_path / "out").exists()
