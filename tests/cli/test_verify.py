import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.cli import main
from midiprism.cli.commands.verify import parse_scope
from midiprism.cli.render.verify_text import format_progress
from midiprism.errors import UsageError
from midiprism.integrity import repair
from midiprism.integrity.damage_report import VerifyProgress
from midiprism.pipeline import runner
from midiprism.results.lock import lock_exclusive
from support.fake_songs import (
    BASS,
    DRUMS,
    PIANO,
    LoadedSplitter,
    fake_song,
    fake_split,
    read_tree,
    write_files,
)

HOSTILE_NAME = "\x1b[31m[bold]\u202eevil"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    monkeypatch.setattr(repair, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    monkeypatch.chdir(tmp_path)
    write_files(
        tmp_path / "songs", {f"{HOSTILE_NAME}.mid": fake_song(PIANO, BASS), "b.kar": fake_song(BASS, DRUMS)}
    )
    assert main(["split", "songs", "-o", "my out", "--quiet"]) == 0
    capfd.readouterr()
    return tmp_path / "my out"


def track_file(out: Path, text: str) -> Path:
    return next(path for path in (out / "tracks").rglob("*.mid") if path.read_bytes() == text.encode())


def test_an_undamaged_result_is_reported_in_a_line(run_cli: Run) -> None:
    code, out, err = run_cli("verify", "my out")
    assert (code, err) == (0, "")
    assert out.startswith("All is well in my out: 3 tracks (")
    assert "3 files, 2 songs, 4 links." in out
    assert run_cli("verify", "my out", "--quiet") == (0, "", "")


def test_damage_is_listed_with_the_command_that_repairs_it(run_cli: Run, result: Path) -> None:
    path = track_file(result, PIANO)
    path.unlink()
    path.with_name(f"{HOSTILE_NAME}.mid").write_bytes(b"")
    before = read_tree(result)
    code, out, _ = run_cli("verify", "my out")
    assert code == 1
    assert "1 damage and 1 leftover that no song needs in my out" in out
    assert path.name in out
    assert "\\x1b[31m[bold]\\u202eevil.mid: The catalog does not know it." in out
    assert "  midiprism verify 'my out' --repair\n" in out
    code, out, _ = run_cli("verify", "my out", "--repair", "--dry-run")
    assert (code, read_tree(result)) == (1, before)
    assert "Would be repaired:\n  restored" in out
    assert "Nothing was written." in out
    code, out, _ = run_cli("verify", "my out", "--repair")
    assert code == 0
    assert "Repaired:\n  restored              1  file of a track, from its song\n" in out
    assert path.read_bytes() == PIANO.encode()
    assert run_cli("verify", "my out")[0] == 0


def test_damage_that_cannot_be_repaired_is_listed_with_its_song(
    run_cli: Run, result: Path, tmp_path: Path
) -> None:
    track_file(result, PIANO).unlink()
    (tmp_path / "songs" / f"{HOSTILE_NAME}.mid").unlink()
    code, out, _ = run_cli("verify", "my out", "--repair")
    assert code == 1
    assert "Not repaired:" in out
    assert "\\u202eevil.mid was found: bring it back" in out
    code, out, err = run_cli("verify", "my out", "--repair", "--quiet")
    assert (code, out) == (1, "")
    assert "bring it back" in err


def test_what_a_run_left_behind_is_no_damage(run_cli: Run, result: Path) -> None:
    stray = result / "tracks" / "bass" / "00" / f"Bass-{'0' * 32}.mid"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"of an undone run")
    code, out, _ = run_cli("verify", "my out")
    assert (code, "1 leftover that no song needs in my out; checked" in out) == (1, True)
    assert "damage" not in out
    assert "To remove them:\n  midiprism verify 'my out' --repair\n" in out


def test_json_is_the_last_line_and_has_the_findings(run_cli: Run, result: Path) -> None:
    track_file(result, PIANO).unlink()
    code, out, _ = run_cli("verify", "my out", "--json")
    facts = json.loads(out.splitlines()[-1])
    assert (code, facts["ok"], facts["state"], facts["sample_percent"], facts["since"]) == (
        1,
        False,
        "done",
        None,
        None,
    )
    assert facts["checked"]["tracks"] == 3
    assert facts["damages"]["missing"]["count"] == 1
    assert facts["damages"]["missing"]["examples"][0]["message"] == "It is not there."
    code, out, _ = run_cli("verify", "my out", "--repair", "--json")
    facts = json.loads(out.splitlines()[-1])
    assert (code, facts["ok"], facts["repaired"]["files"], facts["unrepaired"]["count"]) == (0, True, 1, 0)


def test_a_partial_check_is_reported_as_such(run_cli: Run) -> None:
    code, out, _ = run_cli("verify", "my out", "--sample", "100%")
    assert (code, "3 tracks" in out, "sample" in out) == (0, True, False)
    code, out, _ = run_cli("verify", "my out", "--sample", "40")
    assert (code, "This was a sample of 40 %" in out) == (0, True)
    code, out, _ = run_cli("verify", "my out", "--since", "1")
    assert (code, "3 tracks" in out, "were not searched for" in out) == (0, True, True)
    code, out, _ = run_cli("verify", "my out", "--since", "2100-01-01")
    assert (code, "0 tracks" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("my out", "--sample", "0"), "--sample 0 is not a percentage"),
        (("my out", "--sample", "nan"), "--sample nan is not a percentage"),
        (("my out", "--sample", "101%"), "--sample 101% is not a percentage"),
        (("my out", "--since", "yesterday"), "neither the number of a run nor a date"),
        (("my out", "--sample", "1", "--since", "1"), "exclude each other"),
        (("my out", "--dry-run"), "--dry-run needs --repair"),
        (("songs",), "holds no midiprism result"),
    ],
)
def test_invalid_options_are_refused_with_a_reason(
    run_cli: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = run_cli("verify", *arguments)
    assert (code, message in err) == (2, True), err


def test_since_accepts_runs_and_dates() -> None:
    assert parse_scope(None, "12") == (VerifyScope(first_run=12), None)
    assert parse_scope(None, "20251231")[1] == parse_scope(None, "2025-12-31")[1]
    assert parse_scope(None, "2025-12-31T12:00:00+02:00")[1] == "2025-12-31T10:00:00.000+00:00"
    with pytest.raises(UsageError):
        parse_scope(None, "0001-01-01T00:00+14:00")


def test_a_damaged_catalog_is_reported_with_advice(run_cli: Run, result: Path) -> None:
    (result / "catalog.sqlite").write_bytes(b"no database" * 999)
    for arguments in ((), ("--repair",), ("--repair", "--dry-run"), ("--sample", "1%")):
        code, out, _ = run_cli("verify", "my out", *arguments)
        assert code == 1
        assert "Move my out/catalog.sqlite away" in out


def test_a_check_is_refused_during_a_run(run_cli: Run, result: Path) -> None:
    with lock_exclusive(str(result)):
        code, _, err = run_cli("verify", "my out")
    assert (code, "is being written by process" in err) == (1, True)


def test_ctrl_c_ends_a_repair_in_order(run_cli: Run, result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = threading.Event()

    def interrupt_and_split(_data: bytes) -> object:
        if not interrupted.is_set():
            interrupted.set()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        return fake_split(_data)

    monkeypatch.setattr(repair, "LazySplitter", lambda *_settings: interrupt_and_split)
    for text in (PIANO, BASS, DRUMS):
        track_file(result, text).unlink()
    code, out, err = run_cli("verify", "my out", "--repair")
    assert code == 130
    assert "Stopping" in err
    assert "the same command continues" in out
    assert run_cli("verify", "my out", "--repair")[0] == 0
    assert run_cli("verify", "my out")[0] == 0


def test_progress_names_the_stage() -> None:
    assert format_progress(VerifyProgress("tracks", 250, 1000, 0, 1.0)) == "tracks: 250 of 1,000, 25 %"
    assert format_progress(VerifyProgress("files", 250, None, 3, 1.0)) == "files: 250, 3 damaged"
    assert format_progress(VerifyProgress("catalog", 0, None, 0, 61.0)) == "checking the catalog, 1:01"
