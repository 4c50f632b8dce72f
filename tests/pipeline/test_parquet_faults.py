"""Tests of failures while shards are written or replaced: no shard is lost, torn or left over."""

import errno
import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog.postgres.catalog import PostgresCatalog
from midiprism.catalog.sqlite.catalog import SqliteCatalog
from midiprism.errors import CatalogError, StoreError
from midiprism.pipeline import group_commit as group
from midiprism.pipeline.group_commit import GroupLimits
from midiprism.results.compaction import Compactor
from midiprism.results.lock import lock_shared
from midiprism.stores.parquet.schema import rows_to_columns
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.parquet.shard_writer import ShardWriter
from midiprism.stores.parquet.shards import ShardFolder
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.nightly import nightly
from support.parquet_rows import parquet_rows, track_row
from support.result_content import catalog_content
from support.runs import change_settings
from support.shard_runs import REDO, SHARDS, SONGS, assert_consistent, files, run, shards, split_differently

pytestmark = pytest.mark.usefixtures("catalog_backend")


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    return write_files(tmp_path / "songs", SONGS)


@pytest.fixture
def out(tmp_path: Path, songs: Path) -> Path:
    run(songs, tmp_path / "out")
    return tmp_path / "out"


def test_shards_are_durable_before_they_are_committed(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def record_calls(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            order.append(name)
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    record_calls(os, "fsync")
    record_calls(os, "replace")
    if catalog_access.postgres_address(tmp_path / "out") is None:
        record_calls(SqliteCatalog, "commit")
    else:
        record_calls(PostgresCatalog, "insert_shards")
    run(songs, tmp_path / "out")
    commit_at = next(at for at, name in enumerate(order) if name in ("commit", "insert_shards"))
    before = [name for name in order[:commit_at] if name != "commit"]
    assert before.count("replace") >= 2
    last = len(before) - before[::-1].index("replace")
    assert "fsync" in before[last:], "the folder is flushed after the last shard has its name"


def fail_commits(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    """Let transactions fail after the shards are written and before they are committed."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise CatalogError("the database failed")

    if catalog_access.postgres_address(out) is None:
        monkeypatch.setattr(SqliteCatalog, "_insert_batch", fail)
    else:
        monkeypatch.setattr("midiprism.catalog.postgres.commit.BatchCommit._insert_batch_row", fail)


@pytest.mark.parametrize(
    ("catalog_backend", "workers"),
    [("sqlite", 0), ("sqlite", 2), ("postgres", 0)],
    indirect=["catalog_backend"],
)
def test_a_transaction_that_fails_leaves_no_shard(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    out = tmp_path / "out"
    settings = change_settings(SHARDS, workers=workers, batch_songs=2)
    written: list[str] = []
    write_shard = ShardFolder.write

    def write_and_record(self: ShardFolder, stem: str, rows: Any) -> Any:
        done = write_shard(self, stem, rows)
        written.extend(shard.name for shard in done.shards)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "write", write_and_record)
        fail_commits(patch, out)
        summary = run(songs, out, settings)
    assert (summary.state, summary.songs_done) == ("stopped", 0)
    assert written
    assert files(out) == set()
    assert run(songs, out, settings).state == "done"
    assert_consistent(out)


def test_an_uncommitted_shard_of_a_crashed_run_is_removed(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "_remove_written", lambda _keeping: None)
        fail_commits(patch, out)
        run(songs, out)
    left = files(out)
    assert len(left) == 2
    assert shards(out) == []
    (out / "tracks" / ".tracks-9-9-0.parquet.tmp").write_bytes(b"half")
    assert run(songs, out).state == "done"
    assert not left & files(out)
    assert_consistent(out)


@pytest.mark.parametrize("catalog_backend", ["postgres"], indirect=True)
def test_shards_are_not_removed_while_another_run_holds_the_folder(songs: Path, out: Path) -> None:
    (uncommitted,) = (
        ParquetShards(out).write_tracks("9-9", rows_to_columns([track_row(b"of another run")])).shards
    )
    write_files(songs, {"e.mid": fake_song(DRUMS + "e")})
    with lock_shared(str(out)):
        run(songs, out)
        assert (out / uncommitted.name).exists()
    run(songs, out)
    assert not (out / uncommitted.name).exists()
    assert_consistent(out)


@pytest.fixture(scope="module")
def nine_songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"{n}.mid": fake_song(PIANO + str(n), BASS) for n in range(9)}
    return write_files(tmp_path_factory.mktemp("library") / "songs", files)


@pytest.fixture(scope="module")
def undisturbed(nine_songs: Path, first_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the tracks and the catalog, in a SQLite file, of two runs without faults."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run(nine_songs, out)
    run(first_source, out)
    return parquet_rows(out)["tracks"], catalog_content(out)


CALLS = ["open", "write", "mkdir", "replace", "fsync"]


@pytest.mark.parametrize(
    ("catalog_backend", "call", "number", "after"),
    [
        *(("sqlite", *case) for case in itertools.product(CALLS, [errno.ENOSPC], [0, 3])),
        *(("sqlite", *case) for case in itertools.product(CALLS, [errno.EIO], [1])),
        *nightly(*(("sqlite", *case) for case in itertools.product(CALLS, [errno.ENOSPC], [1]))),
        *nightly(*(("sqlite", *case) for case in itertools.product(CALLS, [errno.EIO], [0, 3]))),
        *(("postgres", *case) for case in itertools.product(CALLS, [errno.ENOSPC], [0])),
        *nightly(*(("postgres", *case) for case in itertools.product(CALLS, [errno.ENOSPC], [3]))),
        *nightly(*(("postgres", *case) for case in itertools.product(CALLS, [errno.EIO], [1]))),
    ],
    indirect=["catalog_backend"],
)
def test_a_disk_failure_at_any_call_leaves_no_partial_file(
    nine_songs: Path,
    first_source: Path,
    undisturbed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    catalog_backend: str,
    call: str,
    number: int,
    after: int,
) -> None:
    out = tmp_path / "out"
    run(first_source, out)
    function, calls = getattr(os, call), []

    def call_or_fail(*arguments: Any, **options: Any) -> Any:
        if call != "open" or (arguments[1] & os.O_CREAT and "/tracks/" in os.fsdecode(arguments[0])):
            calls.append(call)
            if len(calls) > after:
                raise OSError(number, os.strerror(number))
        return function(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(group, "GROUP_LIMITS", GroupLimits(max_songs=2))
        patch.setattr(os, call, call_or_fail)
        summary = run(nine_songs, out, change_settings(SHARDS, batch_songs=2, in_flight=1))
    if calls[after:]:
        assert summary.state == "stopped"
        assert "run the same command again" in str(summary.error)
    assert files(out) == set(shards(out))
    assert run(nine_songs, out).state == "done"
    assert_consistent(out)
    assert (parquet_rows(out)["tracks"], catalog_content(out)) == undisturbed


@pytest.mark.parametrize("catalog_backend", ["sqlite"], indirect=True)
def test_shards_are_kept_if_their_catalog_is_missing(songs: Path, out: Path) -> None:
    before = files(out)
    (out / "catalog.sqlite").rename(out.parent / "kept.sqlite")
    with pytest.raises(StoreError, match="bring their catalog back"):
        run(songs, out)
    assert files(out) == before
    (out.parent / "kept.sqlite").replace(out / "catalog.sqlite")
    assert run(songs, out).nothing_new
    assert_consistent(out)


@pytest.mark.parametrize("step", ["delete_unlinked", "rewrite_stale_link_shards", "update_songs_table"])
def test_the_next_run_finishes_the_compaction_of_a_killed_run(
    songs: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Compactor, step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(songs, out, REDO, splitter=split_differently)
    if catalog_access.postgres_address(out) is not None:
        catalog_access.execute(out, "UPDATE runs SET expires_at = now()")
    again = REDO if step == "delete_unlinked" else SHARDS
    assert run(songs, out, again, splitter=split_differently).state == "done"
    assert_consistent(out)
    run(songs, tmp_path / "whole", splitter=split_differently)
    assert parquet_rows(out) == parquet_rows(tmp_path / "whole")


def test_a_songs_table_that_cannot_be_rewritten_is_unchanged(
    songs: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(songs, out)
    with monkeypatch.context() as patch:

        def fail_as_full(*_arguments: object) -> None:
            raise StoreError("the disk is full")

        patch.setattr(ParquetShards, "write_songs_table", fail_as_full)
        write_files(songs, {"e.mid": fake_song(DRUMS + "e")})
        assert run(songs, out).state == "stopped"
    assert run(songs, out).nothing_new
    assert_consistent(out)
