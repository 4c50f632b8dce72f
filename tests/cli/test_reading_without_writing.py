"""Tests that a whole result can be read where nothing can be written, and that no commit is overlooked."""

import json
import os
import shlex
import sqlite3
import subprocess
from pathlib import Path

import pytest

from midiprism.results.result_dir import catalog_path
from support import restrictions
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.restrictions import can_deny_shared_memory, can_mount, python_command, run_in_mount
from support.runs import run_split

COMMANDS = """
from support import restrictions
getattr(restrictions, sys.argv[1])()
from midiprism.cli import main
for command in ("status", "list", "verify"):
    print("exit", command, main([command, sys.argv[2], "--json"]), flush=True)
"""
"""Runs the three commands under a restriction."""

COMMIT_AND_DIE = """
import os, sqlite3
catalog = sqlite3.connect(sys.argv[1])
catalog.execute("PRAGMA wal_autocheckpoint = 0")
catalog.execute("UPDATE runs SET state = 'interrupted'")
catalog.commit()
os._exit(0)
"""

WRITE_AND_DIE = """
import os, sqlite3
catalog = sqlite3.connect(sys.argv[1], isolation_level=None)
catalog.execute("PRAGMA journal_mode = DELETE")
catalog.execute("PRAGMA cache_size = 1")
catalog.execute("BEGIN")
catalog.execute("UPDATE runs SET state = 'interrupted'")
catalog.execute("CREATE TABLE filler AS WITH RECURSIVE n(i) AS "
                "(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) SELECT randomblob(500) FROM n")
os._exit(0)
"""

SPLIT = """
from pathlib import Path
from support import restrictions
restrictions.no_shared_memory()
from support.runs import run_split
assert run_split(Path(sys.argv[1]), Path(sys.argv[2])).state == "done"
"""

needs_mount = pytest.mark.skipif(not can_mount(), reason="mounting needs root")
needs_filter = pytest.mark.skipif(not can_deny_shared_memory, reason="no filter of system calls")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    songs = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS, DRUMS)}
    assert run_split(write_files(tmp_path / "songs", songs), tmp_path / "out").state == "done"
    return tmp_path / "out"


def leave_log(out: Path) -> None:
    """Leave a log with a commit that is not in the catalog's file, and no index of it."""
    subprocess.run(python_command(COMMIT_AND_DIE, catalog_path(str(out))), check=True)
    os.unlink(catalog_path(str(out)) + "-shm")
    assert os.path.getsize(catalog_path(str(out)) + "-wal") > 0


def read(out: Path, restriction: str = "nothing", mount: str = "true") -> str:
    """Return the state of the last run as the commands show it, after a check of all they show."""
    command = python_command(COMMANDS, restriction, out)
    if mount == "true":
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    else:
        done = run_in_mount(mount, command)
    lines = done.stdout.splitlines()
    ends = [line for line in lines if line.startswith("exit ")]
    assert ends == ["exit status 0", "exit list 0", "exit verify 0"], done.stdout + done.stderr
    shown = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(shown) == 1 + 4 + 1, "a status, four tracks of songs, a check"
    assert shown[-1]["ok"]
    assert shown[-1]["checked"]["tracks"] == 3
    return str(shown[0]["runs"][0]["state"])


def names(out: Path) -> set[str]:
    return set(os.listdir(out))


def read_only_mount(out: Path) -> str:
    place = shlex.quote(str(out))
    return f"mount --bind {place} {place} && mount -o remount,bind,ro {place}"


@pytest.mark.parametrize("restriction", ["no_writing", pytest.param("no_shared_memory", marks=needs_filter)])
@pytest.mark.parametrize("log", [False, True], ids=["whole", "left-over-log"])
def test_a_result_is_read_where_the_catalog_cannot_be_prepared_for_writing(
    out: Path, restriction: str, log: bool
) -> None:
    if log:
        leave_log(out)
    before = {name: (out / name).read_bytes() for name in names(out) if "catalog" in name}
    assert read(out, restriction) == ("interrupted" if log else "done")
    after = {name: (out / name).read_bytes() for name in before}
    assert after == before
    assert read(out) == ("interrupted" if log else "done"), "and it is still whole"


@needs_mount
@pytest.mark.parametrize("log", [False, True], ids=["whole", "left-over-log"])
def test_a_result_on_a_full_disk_is_read(tmp_path: Path, out: Path, log: bool) -> None:
    if log:
        leave_log(out)
    full = tmp_path / "full"
    full.mkdir()
    place, source = shlex.quote(str(full)), shlex.quote(str(out))
    mount = (
        f"mount -t tmpfs -o size=2m none {place} && cp -a {source} {place}/out && "
        f"(cat /dev/zero > {place}/fill 2>/dev/null || true) && export TMPDIR={place}"
    )
    assert read(full / "out", mount=mount) == ("interrupted" if log else "done")


@needs_mount
@pytest.mark.parametrize("log", [False, True], ids=["whole", "left-over-log"])
def test_a_result_on_a_read_only_disk_is_read_with_the_commits_in_its_log(out: Path, log: bool) -> None:
    if log:
        leave_log(out)
    before = names(out)
    assert read(out, mount=read_only_mount(out)) == ("interrupted" if log else "done")
    assert names(out) == before


@needs_mount
def test_a_commit_that_was_cut_off_is_undone_in_a_copy_on_a_read_only_disk(out: Path) -> None:
    subprocess.run(python_command(WRITE_AND_DIE, catalog_path(str(out))), check=True)
    assert os.path.getsize(catalog_path(str(out)) + "-journal") > 0
    before = (out / "catalog.sqlite").read_bytes()
    copies = out.parent / "copies"
    copies.mkdir()
    assert read(out, mount=f"export TMPDIR={shlex.quote(str(copies))} && {read_only_mount(out)}") == "done"
    assert (out / "catalog.sqlite").read_bytes() == before
    assert os.listdir(copies) == [], "the copies are removed"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_result_in_a_read_only_folder_is_read_with_the_commits_in_its_log(out: Path) -> None:
    leave_log(out)
    with restrictions.read_only_folder(out):
        assert read(out) == "interrupted"


@needs_filter
def test_a_run_without_shared_memory_keeps_a_journal_that_needs_none(tmp_path: Path, out: Path) -> None:
    for folder in (tmp_path / "new", out):  # a new catalog, and one that was made elsewhere
        subprocess.run(python_command(SPLIT, tmp_path / "songs", folder), check=True)
        assert read(folder) == "done"
        with sqlite3.connect(catalog_path(str(folder))) as catalog:
            assert catalog.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert (
        json.loads((tmp_path / "new" / "midiprism.json").read_bytes())["file_system"]["shared_memory"]
        is False
    )
    assert run_split(tmp_path / "songs", out).state == "done"
