import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from midiprism.cli import main


@dataclass
class Written:
    songs: int
    size_bytes: int


def replace(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> list[tuple[object, ...]]:
    calls: list[tuple[object, ...]] = []

    def write_songs(folder: Path, count: int, *, seed: int, duplicates: float, progress: object) -> Written:
        calls.append((folder, count, seed, duplicates))
        if error:
            raise error
        return Written(count, 12_345)

    monkeypatch.setitem(sys.modules, "midiprism.sample", SimpleNamespace(write_songs=write_songs))
    return calls


def test_sample_passes_its_options_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = replace(monkeypatch)
    assert main(["sample", "my songs", "--songs", "5", "--seed", "7", "--duplicates", "0.2"]) == 0
    assert calls == [(Path("my songs").absolute(), 5, 7, 0.2)]
    out = capsys.readouterr().out
    assert "Wrote 5 songs (12.3 KB) in my songs." in out
    assert "midiprism split 'my songs' -o split" in out


def test_sample_json_is_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(monkeypatch)
    assert main(["sample", "x", "--json", "--quiet"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["songs"], facts["bytes"]) == (100, 12_345)


@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("no"), 2), (OSError(28, "No space left on device"), 1)]
)
def test_sample_fails_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    replace(monkeypatch, error)
    assert main(["sample", "x"]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1
