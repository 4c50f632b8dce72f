"""Tests that a whole result can be read where nothing can be written, and that no commit is overlooked."""

import json
import os
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli import main
from midiprism.results.result_dir import catalog_path
from support import restrictions
from support.catalog_access import query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.kill_points import run_in_fork
from support.restrictions import (
    can_deny_shared_memory,
    can_mount,
    output_of_fork,
    run_shell_in_own_mounts,
)
from support.runs import run_split

needs_mount = pytest.mark.skipif(not can_mount(), reason="mounting needs root")
needs_filter = pytest.mark.skipif(not can_deny_shared_memory, reason="no filter of system calls")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    songs = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS, DRUMS)}
    assert run_split(write_files(tmp_path / "songs", songs), tmp_path / "out").state == "done"
    return tmp_path / "out"


def leave_log(out: Path) -> None:
    """Leave a log with a commit that is not in the catalog's file, and no index of it."""
    path = catalog_path(str(out))

    def commit_and_die() -> int:
        catalog = sqlite3.connect(path)
        catalog.execute("PRAGMA wal_autocheckpoint = 0")
        catalog.execute("UPDATE runs SET state = 'interrupted'")
        catalog.commit()
        os._exit(0)

    assert run_in_fork(commit_and_die) == 0
    os.unlink(path + "-shm")
    assert os.path.getsize(path + "-wal") > 0


def leave_journal(out: Path) -> None:
    """Leave a half-written transaction in the catalog's file, and the rollback journal that undoes it."""
    path = catalog_path(str(out))

    def write_and_die() -> int:
        catalog = sqlite3.connect(path, isolation_level=None)
        catalog.execute("PRAGMA journal_mode = DELETE")
        catalog.execute("PRAGMA cache_size = 1")
        catalog.execute("BEGIN")
        catalog.execute("UPDATE runs SET state = 'interrupted'")
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000)"
        catalog.execute(f"CREATE TABLE filler AS {numbers} SELECT randomblob(500) FROM n")
        os._exit(0)

    assert run_in_fork(write_and_die) == 0
    assert os.path.getsize(path + "-journal") > 0


def read(out: Path, restrict: Callable[[], object] = restrictions.nothing) -> str:
    """Return the state of the last run as the commands show it, after a check of all they show."""

    def run_commands() -> None:
        restrict()
        for command in ("status", "list", "verify"):
            print("exit", command, main([command, str(out), "--json"]), flush=True)

    lines = output_of_fork(run_commands).splitlines()
    ends = [line for line in lines if line.startswith("exit ")]
    assert ends == ["exit status 0", "exit list 0", "exit verify 0"], lines
    shown = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(shown) == 1 + 4 + 1, "a status, four tracks of songs, a check"
    assert shown[-1]["ok"]
    assert shown[-1]["checked"]["tracks"] == 3
    return str(shown[0]["runs"][0]["state"])


def names(out: Path) -> set[str]:
    return set(os.listdir(out))


def mount_read_only(out: Path) -> None:
    place = shlex.quote(str(out))
    run_shell_in_own_mounts(f"mount --bind {place} {place} && mount -o remount,bind,ro {place}")


RESTRICTIONS = [
    restrictions.no_writing,
    pytest.param(restrictions.no_shared_memory, marks=needs_filter),
]


@pytest.mark.parametrize("restrict", RESTRICTIONS)
@pytest.mark.parametrize("log", [False, True], ids=["whole", "left-over-log"])
def test_a_result_is_read_where_the_catalog_cannot_be_prepared_for_writing(
    out: Path, restrict: Callable[[], None], log: bool
) -> None:
    if log:
        leave_log(out)
    before = {name: (out / name).read_bytes() for name in names(out) if "catalog" in name}
    state = "interrupted" if log else "done"
    assert read(out, restrict) == state
    assert {name: (out / name).read_bytes() for name in before} == before
    assert query(out, "SELECT state FROM runs") == [(state,)]


@needs_mount
@pytest.mark.parametrize("log", [False, True], ids=["whole", "left-over-log"])
def test_a_result_on_a_full_disk_is_read(
    tmp_path: Path, out: Path, log: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if log:
        leave_log(out)
    full = tmp_path / "full"
    full.mkdir()
    monkeypatch.setenv("TMPDIR", str(full))

    def fill_disk() -> None:
        place, source = shlex.quote(str(full)), shlex.quote(str(out))
        run_shell_in_own_mounts(
            f"mount -t tmpfs -o size=2m none {place} && cp -a {source} {place}/out && "
            f"(cat /dev/zero > {place}/fill 2>/dev/null || true)"
        )

    assert read(full / "out", fill_disk) == ("interrupted" if log else "done")


@needs_mount
@pytest.mark.parametrize("log", [False, True], ids=["whole", "left-over-log"])
def test_a_result_on_a_read_only_disk_is_read_with_the_commits_in_its_log(out: Path, log: bool) -> None:
    if log:
        leave_log(out)
    before = names(out)
    assert read(out, lambda: mount_read_only(out)) == ("interrupted" if log else "done")
    assert names(out) == before


@needs_mount
def test_a_commit_that_was_cut_off_is_undone_in_a_copy_on_a_read_only_disk(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_journal(out)
    before = (out / "catalog.sqlite").read_bytes()
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    assert read(out, lambda: mount_read_only(out)) == "done"
    assert (out / "catalog.sqlite").read_bytes() == before
    assert os.listdir(tmp_path / "copies") == [], "the copies are removed"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_result_in_a_read_only_folder_is_read_with_the_commits_in_its_log(out: Path) -> None:
    leave_log(out)
    with restrictions.read_only_folder(out):
        assert read(out) == "interrupted"


@needs_filter
def test_a_run_without_shared_memory_keeps_a_journal_that_needs_none(tmp_path: Path, out: Path) -> None:
    new = tmp_path / "new"

    def split() -> int:
        restrictions.no_shared_memory()
        return sum(run_split(tmp_path / "songs", folder).state != "done" for folder in (new, out))

    assert run_in_fork(split) == 0
    for folder in (new, out):  # a new catalog, and one that was made elsewhere
        assert read(folder) == "done"
        assert query(folder, "PRAGMA journal_mode") == [("delete",)]
    assert json.loads((new / "midiprism.json").read_bytes())["file_system"]["shared_memory"] is False
    assert run_split(tmp_path / "songs", out).state == "done"
