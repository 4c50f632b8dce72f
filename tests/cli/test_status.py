import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.pipeline import runner
from midiprism.results import status as status_module
from midiprism.results.lock import lock_exclusive
from support.fake_songs import (
    BASS,
    DRUMS,
    LOST_BYTES,
    PIANO,
    LoadedSplitter,
    fake_song,
    fake_split,
    write_files,
)
from support.runs import FIXED_NOW, timestamp_ago

HOSTILE_NAME = "\x1b[31m[bold]\u202eevil\nline\t"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def use_fake_splitter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    files = {
        "a.mid": fake_song(PIANO, BASS),
        "b.mid": fake_song(BASS, DRUMS),
        "copy.mid": fake_song(PIANO, BASS),
    }
    return write_files(tmp_path / "my songs", files)


def execute(statement: str, *values: object) -> None:
    connection = sqlite3.connect("out/catalog.sqlite")
    with connection:
        connection.execute(statement, values)
    connection.close()


def mark_as_running(**totals: object) -> None:
    execute("UPDATE runs SET state = 'running', totals = ?", json.dumps(totals))


def test_status_prints_totals_outcomes_and_runs(run_cli: Run, songs: Path) -> None:
    run_cli("split", songs, "-o", "out", "--workers", 0, "--batch-size", 7)
    code, out, err = run_cli("status", "out")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert lines[0] == "out: no run is active; run 1 is done"
    assert "songs 2 known by content, at 3 paths" in lines
    assert f"tracks 3 files, {len(PIANO + BASS + DRUMS)} bytes" in lines
    assert "links 4 from songs to tracks; 25.0 % are duplicates" in lines
    assert "split 2 their tracks are stored" in lines
    row = lines[lines.index("Runs, latest first:") + 2].split()
    assert row[0] == "1"
    assert [*row[3:5], *row[6:10]] == ["split", "done", "2", "1", "0", "3"]
    assert row[-2:] == ["0", "7"]
    assert "Failed:" not in lines
    assert "To continue:" not in out


def test_songs_that_have_lost_music_are_counted_and_listed(run_cli: Run, songs: Path) -> None:
    write_files(
        songs,
        {
            "lossy.mid": fake_song(PIANO, header="lossy"),
            HOSTILE_NAME: fake_song(PIANO, header="lossy"),
            "damaged.mid": fake_song(BASS, header="repaired"),
            "junk.mid": b"junk",
        },
    )
    (songs / HOSTILE_NAME).rename(songs / f"{HOSTILE_NAME}.mid")
    _, out, _ = run_cli("split", songs, "-o", "out", "--workers", 0)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "lost music 1 song of which damage has cost music" in lines
    assert "midiprism status out --lost" in lines
    _, out, _ = run_cli("status", "out")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (
        f"lost music 1 song of which damage has cost music; {LOST_BYTES:,} bytes were not understood" in lines
    )
    assert "midiprism status out --lost" in lines
    totals = json.loads(run_cli("status", "out", "--json")[1])["totals"]
    assert (totals["songs_with_loss"], totals["lost_bytes"]) == (1, LOST_BYTES)
    code, out, _ = run_cli("status", "out", "--lost")
    (line,) = out.splitlines()
    assert (code, line.split("\t")[:2]) == (0, ["repaired", f"{LOST_BYTES:,} bytes lost"])
    assert line.split("\t")[-1] == f"{songs}/lossy.mid"
    (line,) = run_cli("status", "out", "--lost", "--json")[1].splitlines()
    listed = json.loads(line)
    assert (listed["outcome"], listed["lost_bytes"], len(listed["paths"])) == ("repaired", LOST_BYTES, 2)
    (line,) = run_cli("status", "out", "--failed", "--json")[1].splitlines()
    assert (json.loads(line)["code"], json.loads(line)["lost_bytes"]) == ("not_midi", None)


def test_without_a_loss_none_is_printed(run_cli: Run, songs: Path) -> None:
    assert "lost" not in run_cli("split", songs, "-o", "out", "--workers", 0)[1]
    assert "lost" not in run_cli("status", "out")[1]
    code, out, err = run_cli("status", "out", "--lost")
    assert (code, out + err) == (0, "midiprism: No song has lost music.\n")
    assert run_cli("status", "out", "--lost", "--failed")[0] == 2


def test_failures_are_printed_with_the_commands_to_list_and_retry_them(run_cli: Run, songs: Path) -> None:
    write_files(songs, {f"junk{n}.mid": b"junk%d" % n for n in range(5)} | {"bug.mid": b"bug"})
    run_cli("split", songs, "-o", "out")
    code, out, _ = run_cli("status", "out")
    lines = [line.strip() for line in out.splitlines()]
    assert code == 0
    assert f"{songs}/junk0.mid: It is not a MIDI file." in lines
    assert "and 2 more" in lines
    assert "midiprism status out --failed" in lines
    assert f"midiprism split '{songs}' -o out --retry-failed" in lines


def test_every_failure_is_a_line_of_its_own(run_cli: Run, songs: Path) -> None:
    write_files(songs, {"junk.mid": b"junk", "same.mid": b"junk", "bug.mid": b"bug"})
    (songs / "loop.mid").symlink_to("loop.mid")
    run_cli("split", songs, "-o", "out")
    code, out, err = run_cli("status", "out", "--failed")
    assert (code, err) == (0, "")
    found = {tuple(line.split("\t")[:2]): line.split("\t")[2:] for line in out.splitlines()}
    assert set(found) == {("corrupt", "not_midi"), ("failed", "internal"), ("unreadable", "io")}
    assert found["corrupt", "not_midi"] == [
        "It is not a MIDI file.",
        f"{songs}/junk.mid",
        f"{songs}/same.mid",
    ]


def test_every_failure_is_an_object_with_all_its_paths(run_cli: Run, songs: Path) -> None:
    write_files(songs, {"junk.mid": b"junk", "same.mid": b"junk"})
    with open(os.fsencode(songs) + b"/\xff.mid", "wb") as file:
        file.write(b"junk")
    (songs / "loop.mid").symlink_to("loop.mid")
    run_cli("split", songs, "-o", "out")
    code, out, _ = run_cli("status", "out", "--failed", "--json")
    facts = {entry["code"]: entry for entry in map(json.loads, out.splitlines())}
    assert (code, set(facts)) == (0, {"not_midi", "io"})
    junk = facts["not_midi"]
    assert (junk["outcome"], junk["size"], junk["run_id"], len(junk["digest"])) == ("corrupt", 4, 1, 64)
    assert junk["paths"] == [
        {"path": f"{songs}/junk.mid"},
        {"path": f"{songs}/same.mid"},
        {"path": f"{songs}/\ufffd.mid", "path_bytes": (os.fsencode(songs) + b"/\xff.mid").hex()},
    ]
    assert (facts["io"]["outcome"], facts["io"]["digest"]) == ("unreadable", None)


def test_without_failures_a_message_is_printed(run_cli: Run, songs: Path) -> None:
    run_cli("split", songs, "-o", "out")
    assert run_cli("status", "out", "--failed") == (0, "", "midiprism: No song failed.\n")
    assert run_cli("status", "out", "--failed", "--json") == (0, "", "")


def test_hostile_names_are_escaped(run_cli: Run, tmp_path: Path) -> None:
    write_files(tmp_path / HOSTILE_NAME, {f"{HOSTILE_NAME}.mid": b"junk"})
    with open(os.fsencode(tmp_path / HOSTILE_NAME) + b"/\xff.mid", "wb") as file:
        file.write(b"bug")
    run_cli("split", HOSTILE_NAME, "-o", "out")
    execute("UPDATE runs SET state = 'interrupted'")
    for options in ([], ["--failed"], ["--json"], ["--failed", "--json"], ["--watch"]):
        code, out, _ = run_cli("status", "out", *options)
        assert code == 0
        assert "\u202e" not in out
        assert "line\t" not in out
    out = run_cli("status", "out")[1]
    assert f"'{tmp_path}/\\x1b[31m[bold]\\u202eevil\\nline\\t'" in out
    assert "/\\xff.mid: midiprism failed on it" in out
    assert len(run_cli("status", "out", "--failed")[1].splitlines()) == 2


def test_json_has_totals_outcomes_failures_and_runs(run_cli: Run, songs: Path) -> None:
    write_files(songs, {"junk.mid": b"junk"})
    run_cli("split", songs, "-o", "out")
    code, out, _ = run_cli("status", "out", "--json")
    facts = json.loads(out)
    assert (code, len(out.splitlines())) == (0, 1)
    assert facts["totals"] == {
        "songs": 3,
        "songs_at_paths": 3,
        "songs_with_loss": 0,
        "lost_bytes": 0,
        "paths": 4,
        "tracks": 3,
        "links": 4,
        "bytes": len(PIANO + BASS + DRUMS),
        "shards": 0,
        "shard_bytes": 0,
        "duplicates": 0.25,
    }
    assert facts["outcomes"] == {"corrupt": 1, "split": 2}
    assert facts["failures_by_code"] == {
        "not_midi": {
            "outcome": "corrupt",
            "count": 1,
            "examples": [{"path": f"{songs}/junk.mid", "message": "It is not a MIDI file."}],
        }
    }
    assert (facts["running"], facts["rate"], facts["eta_seconds"], facts["left"]) == (False, None, None, 0)
    assert (facts["to_go_on"], facts["to_retry"]) == (
        None,
        f"midiprism split '{songs}' -o out --retry-failed",
    )
    (last,) = facts["runs"]
    assert (last["state"], last["songs_done"], last["sources"]) == ("done", 3, [{"path": str(songs)}])


def test_the_requested_number_of_runs_is_shown(run_cli: Run, songs: Path) -> None:
    for number in range(7):
        write_files(songs, {f"new{number}.mid": fake_song(PIANO + str(number))})
        run_cli("split", songs, "-o", "out")
    assert [entry["id"] for entry in json.loads(run_cli("status", "out", "--json")[1])["runs"]] == [
        7,
        6,
        5,
        4,
        3,
    ]
    facts = json.loads(run_cli("status", "out", "--json", "--runs", 100)[1])
    assert [entry["id"] for entry in facts["runs"]] == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(("total", "shown"), [(9, "6 songs"), (None, "not counted")])
def test_after_a_run_that_was_cut_off_the_command_to_continue_is_printed(
    run_cli: Run, songs: Path, total: int | None, shown: str
) -> None:
    run_cli("split", songs, "-o", "out")
    mark_as_running(songs_total=total, songs_seen=3, songs_done=2)
    code, out, _ = run_cli("status", "out")
    assert (code, out.splitlines()[0]) == (0, "out: no run is active; run 1 was cut off")
    assert f"Left when run 1 ended: {shown}. To continue:\n  midiprism split '{songs}' -o out\n" in out
    facts = json.loads(run_cli("status", "out", "--json")[1])
    assert (facts["left"], facts["running"]) == (6 if total else None, False)
    assert facts["to_go_on"] == f"midiprism split '{songs}' -o out"


def test_the_progress_of_an_active_run_is_printed(
    run_cli: Run, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_module, "_now", lambda: FIXED_NOW)
    run_cli("split", songs, "-o", "out")
    execute("UPDATE runs SET started_at = ?", timestamp_ago(300))
    execute(
        "UPDATE batches SET songs = CASE WHEN songs > 0 THEN 600 ELSE 0 END, committed_at = ?",
        timestamp_ago(40),
    )
    mark_as_running(songs_total=3000, songs_seen=1000, songs_done=600)
    with lock_exclusive("out"):
        code, out, _ = run_cli("status", "out")
        facts = json.loads(run_cli("status", "out", "--json")[1])
    first = out.splitlines()[0]
    assert code == 0
    assert first.startswith("out: run 1 is active, 1,000 of 3,000 songs, 33 %, 10 songs/s, 3:2")
    assert "left, nothing committed for 0:4" in first
    assert "To continue:" not in out
    assert (facts["running"], facts["left"], facts["runs"][0]["state"]) == (True, 2000, "running")
    assert facts["rate"] == pytest.approx(10)
    assert facts["eta_seconds"] == pytest.approx(200)


def test_a_result_without_records_is_reported_as_such(run_cli: Run, songs: Path) -> None:
    run_cli("split", songs, "-o", "out")
    Path("out/catalog.sqlite").unlink()
    code, out, _ = run_cli("status", "out")
    assert (code, out.splitlines()[0]) == (0, "out: nothing is recorded yet")
    facts = json.loads(run_cli("status", "out", "--json")[1])
    assert (facts["runs"], facts["totals"]["songs"], facts["left"], facts["running"]) == ([], 0, None, False)
    assert run_cli("status", "out", "--failed") == (0, "", "midiprism: No song failed.\n")
    with lock_exclusive("out"):
        assert "another process has it locked for writing" in run_cli("status", "out")[1]


@pytest.mark.parametrize(
    "options",
    [
        ["--failed", "--watch"],
        ["--every", "2"],
        ["--watch", "--every", "0"],
        ["--watch", "--every", "nan"],
        ["--watch", "--every", "inf"],
        ["--runs", "0"],
    ],
)
def test_invalid_options_exit_2(run_cli: Run, songs: Path, options: list[str]) -> None:
    run_cli("split", songs, "-o", "out")
    code, out, err = run_cli("status", "out", *options)
    assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_a_folder_without_a_result_exits_2(run_cli: Run, songs: Path) -> None:
    assert run_cli("status", songs)[0] == 2
    assert run_cli("status", songs, "--failed")[0] == 2


def test_watching_a_result_without_a_run_shows_it_once(run_cli: Run, songs: Path) -> None:
    run_cli("split", songs, "-o", "out")
    assert run_cli("status", "out", "--watch") == run_cli("status", "out")
    assert len(run_cli("status", "out", "--watch", "--json")[1].splitlines()) == 1


def start_watching(*options: str, **streams: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "midiprism", "status", "out", "--watch", "--every", "0.1", *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **streams)  # type: ignore[call-overload, no-any-return]


def test_watching_lasts_until_the_run_ends(run_cli: Run, songs: Path) -> None:
    run_cli("split", songs, "-o", "out")
    mark_as_running(songs_total=9, songs_seen=3, songs_done=2)
    with lock_exclusive("out"):
        process = start_watching("--json", stdout=subprocess.PIPE)
        statuses = [json.loads(process.stdout.readline()) for _ in range(3)]  # type: ignore[union-attr]
        execute("UPDATE runs SET state = 'done'")
    rest, err = process.communicate(timeout=60)
    statuses += map(json.loads, rest.splitlines())
    assert (process.returncode, err) == (0, b"")
    assert [status["running"] for status in statuses[:3]] == [True] * 3
    assert (statuses[-1]["running"], statuses[-1]["held"], statuses[-1]["left"]) == (False, False, 0)


def test_ctrl_c_ends_watching_with_130(run_cli: Run, songs: Path) -> None:
    run_cli("split", songs, "-o", "out")
    mark_as_running(songs_total=9, songs_seen=3, songs_done=2)
    with lock_exclusive("out"):
        process = start_watching(stdout=subprocess.PIPE)
        lines = [process.stdout.readline() for _ in range(40)]  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    heads = [
        number for number, line in enumerate(lines) if line.startswith(b"out: run 1 is active, 3 of 9 songs")
    ]
    assert len(heads) > 1
    assert all(lines[number - 1] == b"\n" for number in heads[1:]), "blocks stand apart"
    assert b"\x1b" not in b"".join(lines)


def test_a_terminal_is_redrawn_in_place_and_left_in_order(run_cli: Run, songs: Path) -> None:
    pty = pytest.importorskip("pty")
    run_cli("split", songs, "-o", "out")
    mark_as_running(songs_total=9, songs_seen=3, songs_done=2)
    own, theirs = pty.openpty()
    shown = b""
    with lock_exclusive("out"):
        process = start_watching(stdout=theirs)
        os.close(theirs)
        until = time.monotonic() + 60
        while shown.count(b"run 1 is active") < 3 and time.monotonic() < until:
            shown += os.read(own, 65_536)
        process.send_signal(signal.SIGINT)
    try:
        while data := os.read(own, 65_536):
            shown += data
    except OSError:  # Linux's error for a terminal whose other end is closed
        pass
    os.close(own)
    assert process.wait(60) == 130
    process.stderr.close()  # type: ignore[union-attr]
    assert b"\x1b[1A" in shown, "the cursor goes up"
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l"), "the cursor is shown again"


def test_a_reader_that_closes_the_pipe_early_is_no_error(run_cli: Run, songs: Path) -> None:
    write_files(songs, {f"junk{n}.mid": b"junk%d" % n for n in range(2_000)})
    run_cli("split", songs, "-o", "out", "--quiet")
    command = [sys.executable, "-m", "midiprism", "status", "out", "--failed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
