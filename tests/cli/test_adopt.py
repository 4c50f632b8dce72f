"""Tests of ``split --adopt`` and ``catalog undo`` as the owner of a library uses them."""

import json
import os
import re
import shlex
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
SONG_COUNT = 40
MANY_SONGS = 600


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def library(url: str, tmp_path: Path) -> ForeignSampleLibrary:
    return build_foreign_library(url, tmp_path, song_count=SONG_COUNT, extra_columns=True, triggers=True)


def run_json(run: Run, *arguments: object) -> dict[str, Any]:
    code, out, errors = run(*arguments, "--json")
    assert code == 0, errors
    facts: dict[str, Any] = json.loads(out.splitlines()[-1])
    return facts


def adopt_arguments(url: str, out: Path, *options: object) -> tuple[object, ...]:
    return ("split", "--adopt", "--database", url, "-o", out, "--workers", "0", *options)


def test_a_dry_run_plans_a_run_adopts_and_an_undo_takes_it_back(
    run_cli: Run, postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out, before, split_ids = (
        tmp_path / "out",
        dump_owner_schema(postgres, url),
        {link[0] for link in read_links(url)},
    )
    remaining = len(library.song_ids) - len(split_ids)
    plan = {
        "songs": len(library.song_ids),
        "adopted": len(split_ids),
        "known": 0,
        "to_split": remaining,
        "missing": 0,
        "replaceable_rows": len(read_links(url)),
    }
    assert run_json(run_cli, *adopt_arguments(url, out, "--dry-run")) == {"dry_run": True, **plan}
    assert not out.exists()
    assert dump_owner_schema(postgres, url) == before
    summary = run_json(run_cli, *adopt_arguments(url, out))
    assert summary["outcomes"] == {"adopted": len(split_ids), "split": remaining}
    assert_owner_checks(postgres, url)
    after = {**plan, "adopted": 0, "known": len(library.song_ids), "to_split": 0}
    assert run_json(run_cli, *adopt_arguments(url, out, "--dry-run")) == {"dry_run": True, **after}
    code, output, _ = run_cli("status", out, "--database", url)
    assert (code, f"adopted {len(split_ids):>15}" in output) == (0, True), output
    assert run_cli("verify", out, "--database", url)[0] == 0
    place = ("--database", url)
    counts = run_json(run_cli, "catalog", "undo", 1, *place, "--dry-run")
    assert (counts["songs"], counts["foreign_links"]) == (
        len(library.song_ids),
        count_added_links(postgres, url),
    )
    assert dump_owner_schema(postgres, url) != before
    undone = run_json(run_cli, "catalog", "undo", 1, *place, "--yes")
    assert (undone["songs"], undone["foreign_rows_kept"]) == (len(library.song_ids), 0)
    assert dump_owner_schema(postgres, url) == before
    code, output, _ = run_cli("status", out, "--database", url)
    assert (code, "undone" in output) == (0, True)
    assert run_cli("verify", out, "--database", url, "--repair")[0] == 0
    assert not any((out / "tracks").rglob("*.mid"))


def test_a_library_whose_disk_is_not_mounted_is_refused_before_anything_is_written(
    run_cli: Run, postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_json(run_cli, *adopt_arguments(url, out))
    before = dump_owner_schema(postgres, url), postgres.psql(url, "SELECT count(*) FROM midiprism.songs")
    library.songs_folder.rename(tmp_path / "elsewhere")
    library.songs_folder.mkdir()
    code, _, error = run_cli(*adopt_arguments(url, out))
    assert (code, "songs that were looked for are not at their paths, such as" in error) == (1, True), error
    after = dump_owner_schema(postgres, url), postgres.psql(url, "SELECT count(*) FROM midiprism.songs")
    assert after == before
    library.songs_folder.rmdir()
    (tmp_path / "elsewhere").rename(library.songs_folder)
    assert run_json(run_cli, *adopt_arguments(url, out))["songs_failed"] == 0


def test_an_adopted_library_whose_result_is_lost_is_refused_with_the_command_that_works(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_json(run_cli, *adopt_arguments(url, out))
    shutil.rmtree(out)
    code, _, error = run_cli(*adopt_arguments(url, out, "--redo-existing", "--replace", "--yes"))
    assert (code, f"{out} holds no result any more" in error, out.exists()) == (1, True, False)
    code, shown, _ = run_cli(*shlex.split(error.split("`")[1])[1:])
    assert code == 0
    assert run_cli(*shlex.split(shown.splitlines()[-1])[1:])[0] == 0
    assert run_cli("verify", out, "--database", url)[0] == 0


def count_added_links(postgres: PostgresServer, url: str) -> int:
    return int(postgres.psql(url, "SELECT count(*) FROM midiprism.foreign_links_added"))


def test_without_a_terminal_yes_is_required(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    run_json(run_cli, *adopt_arguments(url, tmp_path / "out"))
    code, _, errors = run_cli("catalog", "undo", 1, "--database", url)
    assert (code, "--yes" in errors) == (2, True)
    code, _, errors = run_cli(*adopt_arguments(url, tmp_path / "out", "--redo-existing", "--replace"))
    assert (code, "--yes" in errors) == (2, True)


@pytest.mark.parametrize("options", [("--complete-existing",), ("--redo-existing", "--replace", "--yes")])
def test_a_dry_run_after_a_run_counts_the_songs_that_are_split_again(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path, options: tuple[str, ...]
) -> None:
    again = adopt_arguments(url, tmp_path / "out", *options)
    by_owner = len({link[0] for link in read_links(url)})
    run_json(run_cli, *adopt_arguments(url, tmp_path / "out"))
    plan = run_json(run_cli, *again, "--dry-run")
    others = len(library.song_ids) - by_owner
    assert (plan["adopted"], plan["known"], plan["to_split"]) == (by_owner, others, 0)
    assert run_json(run_cli, *again)["songs_done"] == by_owner
    plan = run_json(run_cli, *again, "--dry-run")
    assert (plan["adopted"], plan["known"], plan["to_split"]) == (0, len(library.song_ids), 0)


def test_a_dry_run_counts_the_completed_songs_whose_rows_are_replaced(
    run_cli: Run, url: str, tmp_path: Path
) -> None:
    build_foreign_library(url, tmp_path, song_count=SONG_COUNT, buggy_share=0.5)
    run_json(run_cli, *adopt_arguments(url, tmp_path / "out", "--complete-existing"))
    replace = adopt_arguments(url, tmp_path / "out", "--redo-existing", "--replace", "--yes")
    plan = run_json(run_cli, *replace, "--dry-run")
    assert (plan["adopted"] > 0, plan["to_split"]) == (True, 0)
    assert run_json(run_cli, *replace)["songs_done"] == plan["adopted"]


def test_a_replacement_says_how_many_rows_it_may_take_out_and_how_many_it_did(
    run_cli: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_foreign_library(url, tmp_path, song_count=SONG_COUNT, buggy_share=0.5)
    asked: list[str] = []
    monkeypatch.setattr(
        "midiprism.cli.commands.split_adopt.require_confirmation",
        lambda question, **_: asked.append(question),
    )
    rows = len(read_links(url))
    replace = adopt_arguments(url, tmp_path / "out", "--redo-existing", "--replace")
    plan = run_cli(*replace, "--dry-run")[1]
    meaning = "rows of track_splits are the owner's; those that lead to other tracks are taken out"
    assert f"{rows}  {meaning}\n" in plan
    code, shown, _ = run_cli(*replace)
    assert (code, f"are taken out: up to {rows} rows." in asked[0]) == (0, True)
    assert "rows of the owner's were taken out; `midiprism catalog undo` puts them back\n" in shown


def test_a_run_is_undone_only_if_a_person_agrees(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_json(run_cli, *adopt_arguments(url, tmp_path / "out"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_asked, **_options: False)
    assert run_cli("catalog", "undo", 1, "--database", url)[0] == 1
    monkeypatch.setattr("typer.confirm", lambda *_asked, **_options: True)
    assert run_cli("catalog", "undo", 1, "--database", url)[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
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
def test_options_that_exclude_or_need_each_other_are_refused(
    run_cli: Run, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    code, _, errors = run_cli("split", *options, "-o", tmp_path / "out")
    assert (code, message in errors) == (2, True), errors
    assert not (tmp_path / "out").exists()


def test_a_library_with_other_hashes_is_not_adopted(
    run_cli: Run, postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    postgres.psql(url, "UPDATE files SET content_hash = sha256(content_hash)")
    before = dump_owner_schema(postgres, url)
    code, _, errors = run_cli(*adopt_arguments(url, tmp_path / "out"))
    assert (code, "content_hash is not the BLAKE3" in errors, "catalog check" in errors) == (1, True, True)
    assert dump_owner_schema(postgres, url) == before
    assert not (tmp_path / "out").exists()


def test_a_library_that_has_moved_needs_a_path_map(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    shutil.move(library.songs_folder, tmp_path / "elsewhere")
    code, _, errors = run_cli(*adopt_arguments(url, tmp_path / "out"))
    assert (code, "can be read" in errors) == (1, True), errors
    plan = run_json(run_cli, *adopt_arguments(url, tmp_path / "out", "--dry-run"))
    assert plan["missing"] == plan["to_split"] > 0
    rule = f"{library.songs_folder}={tmp_path / 'elsewhere'}"
    assert run_json(run_cli, *adopt_arguments(url, tmp_path / "out", "--path-map", rule))["songs_failed"] == 0


def test_the_printed_commands_name_the_library(
    run_cli: Run, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    code, output, _ = run_cli(*adopt_arguments(url, tmp_path / "out", "--limit", 10))
    assert code == 0
    assert f"{SONG_COUNT}" not in output.splitlines()[0]
    assert "adopted" in output
    assert f"--database '{url}'" in output


def start_process(url: str, out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "midiprism", *map(str, adopt_arguments(url, out, "--json", *options))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def wait_for_summary(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    facts: dict[str, Any] = json.loads(out.splitlines()[-1])
    return facts


def wait_until_linked(
    postgres: PostgresServer, url: str, wanted: int, process: subprocess.Popen[bytes]
) -> None:
    """Wait until a run has added rows."""
    query = "SELECT CASE WHEN to_regclass('midiprism.foreign_links_added') IS NULL THEN 0 ELSE "
    query += (
        "(xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM midiprism.foreign_links_added', "
    )
    query += "false, true, '')))[1]::text::int END"
    while process.poll() is None:
        if int(postgres.psql(url, query)) >= wanted:
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate()[1].decode())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.nightly), "2"])
def test_a_killed_run_is_continued(postgres: PostgresServer, url: str, tmp_path: Path, workers: str) -> None:
    library = build_foreign_library(url, tmp_path, song_count=MANY_SONGS, extra_columns=True, triggers=True)
    before, old = dump_owner_schema(postgres, url, include_counts=False), read_links(url)
    dump_before = dump_owner_schema(postgres, url)
    process = start_process(url, tmp_path / "out", "--batch-size", "10", "--workers", workers)
    wait_until_linked(postgres, url, 200, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    remaining = set(library.song_ids) - {link[0] for link in read_links(url)}
    assert remaining
    postgres.psql(
        url, "UPDATE midiprism.leases SET expires_at = now(); UPDATE midiprism.runs SET expires_at = now()"
    )
    summary = wait_for_summary(start_process(url, tmp_path / "out", "--workers", workers))
    assert summary["outcomes"] == {"split": len(remaining)}
    assert read_links(url) == old | expected_links(url, set(library.song_ids) - {link[0] for link in old})
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    assert_owner_checks(postgres, url)
    for number in ("2", "1"):
        command = [sys.executable, "-m", "midiprism", "catalog", "undo", number, "--yes", "--database", url]
        subprocess.run(command, check=True, capture_output=True)
    assert dump_owner_schema(postgres, url) == dump_before


@pytest.mark.nightly
def test_two_runs_share_a_library(postgres: PostgresServer, url: str, tmp_path: Path) -> None:
    # So many that the run that begins later finds something to do.
    library = build_foreign_library(
        url, tmp_path, song_count=3 * MANY_SONGS, extra_columns=True, triggers=True
    )
    before, old = dump_owner_schema(postgres, url, include_counts=False), read_links(url)
    options = ("--batch-size", "10", "--in-flight", "2", "--workers", "1")
    runs = [start_process(url, tmp_path / "out", *options) for _ in range(2)]
    summaries = [wait_for_summary(process) for process in runs]
    split_counts = [summary["outcomes"].get("split", 0) for summary in summaries]
    remaining = set(library.song_ids) - {link[0] for link in old}
    assert (sum(split_counts), min(split_counts) > 0) == (len(remaining), True)
    assert sum(summary["outcomes"].get("adopted", 0) for summary in summaries) == len(library.song_ids) - len(
        remaining
    )
    assert [summary["songs_seen"] for summary in summaries] == [len(library.song_ids)] * 2
    assert read_links(url) == old | expected_links(url, remaining)
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    assert_owner_checks(postgres, url)


def test_forget_and_prune_delete_the_rows_that_runs_added(
    run_cli: Run, postgres: PostgresServer, url: str, library: ForeignSampleLibrary, tmp_path: Path
) -> None:
    out, before = tmp_path / "out", dump_owner_schema(postgres, url, include_counts=False)
    run_json(run_cli, *adopt_arguments(url, out))
    adopted = {link[0] for link in read_links(url)}
    song = postgres.psql(
        url,
        "SELECT filepath FROM files f JOIN midiprism.songs s ON s.digest = f.content_hash "
        "WHERE s.outcome = 'split' ORDER BY f.id LIMIT 1",
    ).strip()
    planned = run_cli("forget", out, song, "--dry-run", "--database", url)[1]
    rows = re.search(r"(\d+) rows? of track_splits and (\d+) rows? of files that midiprism added", planned)
    assert rows is not None, planned
    assert "It cannot be undone: the result belongs to an adopted library.\n" in planned
    files = "SELECT count(*) FROM midiprism.foreign_files_added"
    links_before, files_before = count_added_links(postgres, url), int(postgres.psql(url, files))
    forgotten = run_json(run_cli, "forget", out, song, "--yes", "--database", url)
    deleted = links_before - count_added_links(postgres, url), files_before - int(postgres.psql(url, files))
    assert deleted == (int(rows[1]), int(rows[2]))
    assert (forgotten["songs"], forgotten["songs_kept"]) == (1, 0)
    assert before <= dump_owner_schema(postgres, url, include_counts=False)
    assert len(adopted - {link[0] for link in read_links(url)}) == 1
    assert run_json(run_cli, "verify", out, "--database", url)["ok"]
    by_owner = "SELECT min(filepath) FROM files f JOIN midiprism.songs s ON s.digest = f.content_hash "
    owners = postgres.psql(url, by_owner + "WHERE s.outcome = 'adopted'").strip()
    shown = run_cli("forget", out, owners, "--yes", "--database", url)[1]
    assert "Removed 1 song without tracks in the result.\n" in shown
    code, _, error = run_cli("forget", out, "--undo", "--database", url)
    assert (code, "where removals cannot be undone: split again what it lists." in error) == (2, True)
    code, _, error = run_cli("catalog", "undo", 2, "--database", url, "--yes")
    assert (code, error.startswith("midiprism: Run 2 removed songs, and added none. ")) == (2, True)
    assert error.endswith("They cannot be put back: split again those that are still in their sources.\n")
    postgres.psql(url, f"DELETE FROM files WHERE filepath = '{song.replace(chr(39), chr(39) * 2)}'")
    summary = run_json(run_cli, *adopt_arguments(url, out, "--prune"))
    assert (summary["songs_gone"], summary["songs_removed"]) == (0, 0), "it was forgotten before"
    assert summary["songs_seen"] == len(library.song_ids) - 1
