"""``split --adopt`` and ``catalog undo`` as a librarian uses them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.adoption_runs import assert_owner_checks, dump_owner_schema, expected_links, read_links
from support.foreign_library import ForeignSampleLibrary, build_foreign_library
from support.postgres import PostgresServer

Run = Callable[..., tuple[int, str, str]]
SONGS = 40
MANY = 600


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def library(url: str, tmp_path: Path) -> ForeignSampleLibrary:
    return build_foreign_library(url, tmp_path, song_count=SONGS, extra_columns=True, triggers=True)


def answered(run: Run, *arguments: object) -> dict[str, Any]:
    code, out, errors = run(*arguments, "--json")
    assert code == 0, errors
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answer


def adopting(url: str, out: Path, *options: object) -> tuple[object, ...]:
    return ("split", "--adopt", "--database", url, "-o", out, "--workers", "0", *options)


def test_one_command_looks_ahead_the_next_does_it_and_one_takes_it_back(
    run_cli: Run, postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out, before, done = (
        tmp_path / "out",
        dump_owner_schema(postgres, url),
        {link[0] for link in read_links(url)},
    )
    left = len(library.song_ids) - len(done)
    outlook = {
        "songs": len(library.song_ids),
        "adopted": len(done),
        "known": 0,
        "to_split": left,
        "missing": 0,
    }
    assert answered(run_cli, *adopting(url, out, "--dry-run")) == {"dry_run": True, **outlook}
    assert not out.exists()
    assert dump_owner_schema(postgres, url) == before
    summary = answered(run_cli, *adopting(url, out))
    assert summary["outcomes"] == {"adopted": len(done), "split": left}
    assert_owner_checks(postgres, url)
    after = {**outlook, "adopted": 0, "known": len(library.song_ids), "to_split": 0}
    assert answered(run_cli, *adopting(url, out, "--dry-run")) == {"dry_run": True, **after}
    code, told, _ = run_cli("status", out, "--database", url)
    assert (code, f"adopted {len(done):>15}" in told) == (0, True), told
    assert run_cli("verify", out, "--database", url)[0] == 0
    place = ("--database", url)
    there = answered(run_cli, "catalog", "undo", 1, *place, "--dry-run")
    assert (there["songs"], there["foreign_links"]) == (len(library.song_ids), summary_links(postgres, url))
    assert dump_owner_schema(postgres, url) != before
    undone = answered(run_cli, "catalog", "undo", 1, *place, "--yes")
    assert (undone["songs"], undone["foreign_rows_kept"]) == (len(library.song_ids), 0)
    assert dump_owner_schema(postgres, url) == before
    code, told, _ = run_cli("status", out, "--database", url)
    assert (code, "undone" in told) == (0, True)
    assert run_cli("verify", out, "--database", url, "--repair")[0] == 0
    assert not any((out / "tracks").rglob("*.mid"))


def summary_links(postgres: PostgresServer, url: str) -> int:
    return int(postgres.psql(url, "SELECT count(*) FROM midiprism.foreign_links_added"))


def test_nobody_is_asked_where_nobody_answers(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    answered(run_cli, *adopting(url, tmp_path / "out"))
    code, _, errors = run_cli("catalog", "undo", 1, "--database", url)
    assert (code, "--yes" in errors) == (2, True)
    code, _, errors = run_cli(*adopting(url, tmp_path / "out", "--redo-existing", "--replace"))
    assert (code, "--yes" in errors) == (2, True)


def test_a_run_is_taken_back_only_if_a_person_agrees(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(run_cli, *adopting(url, tmp_path / "out"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_asked, **_options: False)
    assert run_cli("catalog", "undo", 1, "--database", url)[0] == 1
    monkeypatch.setattr("typer.confirm", lambda *_asked, **_options: True)
    assert run_cli("catalog", "undo", 1, "--database", url)[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--adopt", "songs"), "leave SOURCE out"),
        (("--adopt", "--archives"), "leave SOURCE out"),
        (("--adopt", "--redo"), "--redo-existing"),
        (("--adopt", "--replace"), "--redo-existing"),
        (("--adopt", "--path-map", "/a/../b=/c"), "`..`"),
        (("--adopt",), "--database"),
        (("songs", "--complete-existing"), "--adopt"),
        (("songs", "--path-map", "/a=/b"), "--adopt"),
        ((), "SOURCE"),
    ],
)
def test_options_that_do_not_go_together(
    run_cli: Run, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    code, _, errors = run_cli("split", *options, "-o", tmp_path / "out")
    assert (code, said in errors) == (2, True), errors
    assert not (tmp_path / "out").exists()


def test_a_library_with_other_hashes_is_not_taken_over(
    run_cli: Run, postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    postgres.psql(url, "UPDATE files SET content_hash = sha256(content_hash)")
    before = dump_owner_schema(postgres, url)
    code, _, errors = run_cli(*adopting(url, tmp_path / "out"))
    assert (code, "content_hash is not the BLAKE3" in errors, "catalog check" in errors) == (1, True, True)
    assert dump_owner_schema(postgres, url) == before
    assert not (tmp_path / "out").exists()


def test_a_library_that_has_moved_is_refused_until_it_is_said_where(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    shutil.move(library.songs_folder, tmp_path / "elsewhere")
    code, _, errors = run_cli(*adopting(url, tmp_path / "out"))
    assert (code, "can be read" in errors) == (1, True), errors
    outlook = answered(run_cli, *adopting(url, tmp_path / "out", "--dry-run"))
    assert outlook["missing"] == outlook["to_split"] > 0
    rule = f"{library.songs_folder}={tmp_path / 'elsewhere'}"
    assert answered(run_cli, *adopting(url, tmp_path / "out", "--path-map", rule))["songs_failed"] == 0


def test_what_to_do_next_names_the_library(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    code, told, _ = run_cli(*adopting(url, tmp_path / "out", "--limit", 10))
    assert code == 0
    assert f"{SONGS}" not in told.splitlines()[0]
    assert "adopted" in told
    assert f"--database '{url}'" in told


def start(url: str, out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "midiprism", *map(str, adopting(url, out, "--json", *options))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def finished(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answer


def until_linked(postgres: PostgresServer, url: str, wanted: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a run has added rows."""
    there = "SELECT CASE WHEN to_regclass('midiprism.foreign_links_added') IS NULL THEN 0 ELSE "
    there += (
        "(xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM midiprism.foreign_links_added', "
    )
    there += "false, true, '')))[1]::text::int END"
    while process.poll() is None:
        if int(postgres.psql(url, there)) >= wanted:
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate()[1].decode())


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_that_is_killed_is_taken_up(
    postgres: PostgresServer, url: str, tmp_path: Path, workers: str
) -> None:
    library = build_foreign_library(url, tmp_path, song_count=MANY, extra_columns=True, triggers=True)
    before, old = dump_owner_schema(postgres, url, include_counts=False), read_links(url)
    begun = dump_owner_schema(postgres, url)
    victim = start(url, tmp_path / "out", "--batch-size", "10", "--workers", workers)
    until_linked(postgres, url, 200, victim)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    left = set(library.song_ids) - {link[0] for link in read_links(url)}
    assert left
    postgres.psql(
        url, "UPDATE midiprism.leases SET expires_at = now(); UPDATE midiprism.runs SET expires_at = now()"
    )
    summary = finished(start(url, tmp_path / "out", "--workers", workers))
    assert summary["outcomes"] == {"split": len(left)}
    assert read_links(url) == old | expected_links(url, set(library.song_ids) - {link[0] for link in old})
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    assert_owner_checks(postgres, url)
    for number in ("2", "1"):
        command = [sys.executable, "-m", "midiprism", "catalog", "undo", number, "--yes", "--database", url]
        subprocess.run(command, check=True, capture_output=True)
    assert dump_owner_schema(postgres, url) == begun


@pytest.mark.slow
def test_two_runs_share_a_library(postgres: PostgresServer, url: str, tmp_path: Path) -> None:
    # So many that the run that begins later finds something to do.
    library = build_foreign_library(url, tmp_path, song_count=3 * MANY, extra_columns=True, triggers=True)
    before, old = dump_owner_schema(postgres, url, include_counts=False), read_links(url)
    together = ("--batch-size", "10", "--in-flight", "2", "--workers", "1")
    runs = [start(url, tmp_path / "out", *together) for _ in range(2)]
    summaries = [finished(process) for process in runs]
    done = [summary["outcomes"].get("split", 0) for summary in summaries]
    left = set(library.song_ids) - {link[0] for link in old}
    assert (sum(done), min(done) > 0) == (len(left), True)
    assert sum(summary["outcomes"].get("adopted", 0) for summary in summaries) == len(library.song_ids) - len(
        left
    )
    assert [summary["songs_seen"] for summary in summaries] == [len(library.song_ids)] * 2
    assert read_links(url) == old | expected_links(url, left)
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    assert_owner_checks(postgres, url)
