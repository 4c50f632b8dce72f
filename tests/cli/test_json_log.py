import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from midiprism.cli import app, json_log, main
from midiprism.cli.render.progress import progress_bar
from midiprism.pipeline.progress import RunProgress

Run = Callable[..., tuple[int, str, str]]


def entries(error: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in error.splitlines()]


def test_messages_are_objects_with_time_and_level(run_cli: Run, out: Path) -> None:
    code, _, error = run_cli("list", "none", "--log-json")
    (entry,) = entries(error)
    assert code == 2
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None
    assert entry["level"] == "error"
    assert entry["message"].startswith("none holds no midiprism result")


def test_a_summary_on_standard_error_is_objects_too(run_cli: Run, out: Path) -> None:
    code, shown, error = run_cli("split", "songs", "-o", "new", "--workers", "0", "--json", "--log-json")
    assert code == 0
    assert json.loads(shown)["songs_done"] == 2
    assert any(entry["message"].startswith("Split 2 songs") for entry in entries(error))


def test_a_file_can_ask_for_it(run_cli: Run, out: Path, tmp_path: Path) -> None:
    (tmp_path / "midiprism.toml").write_text("log-json = true", encoding="utf-8")
    assert [entry["level"] for entry in entries(run_cli("list", "out", "--name", "%")[2])] == ["warning"]


def test_an_unexpected_error_is_one_object_and_its_traceback_another(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(app, "make_app", fail)
    assert main(["list", "out", "--log-json", "-v"]) == 1
    error, traceback = entries(capfd.readouterr().err)
    assert (error["level"], "ZeroDivisionError: odd" in error["message"]) == ("error", True)
    assert traceback["message"].startswith("Traceback")
    assert traceback["message"].endswith("odd")


def test_progress_has_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", json_log.JsonLog(stream))

    def describe(_progress: RunProgress) -> str:
        return "half"

    with progress_bar(describe) as listener:
        listener(RunProgress(10, 5, 0, 0, 0, 0, 0, seconds=6.0))
    (entry,) = entries(stream.getvalue())
    assert (entry["message"], entry["seen"], entry["total"], entry["seconds"]) == ("half", 5, 10, 6.0)
