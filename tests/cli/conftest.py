"""Fixtures that tests of the command line share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli import main
from midiprism.pipeline import runner
from support.fake_songs import BASS, DRUMS, PIANO, LoadedSplitter, fake_song, fake_split, write_files
from support.sample_songs import FEW, sample_songs

LONG_NAME = "A Song with a Name of more than Eighty Letters, as they are found in Collections of Real Songs"


@pytest.fixture
def run_cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command and returns its exit code, its output and its error output.

    It also checks that neither output holds a traceback, an escape sequence or a bidirectional override.
    """

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        assert "\x1b" not in captured.out + captured.err
        assert "\u202e" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Callable[..., tuple[int, str, str]]
) -> Path:
    """Return a result of two songs, one with a long name, with four tracks; it is ``out`` in this folder."""
    monkeypatch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    monkeypatch.chdir(tmp_path)
    files = {"a.mid": fake_song(PIANO, BASS), f"b/{LONG_NAME}.mid": fake_song(BASS, DRUMS + "x" * 9)}
    write_files(tmp_path / "songs", files)
    assert run_cli("split", "songs", "-o", "out", "--workers", "0")[0] == 0
    return tmp_path / "out"


@pytest.fixture
def songs(tmp_path: Path) -> str:
    """Return the URL of a folder of three songs and one that is none."""
    folder = tmp_path / "my songs"
    folder.mkdir()
    for number, song in enumerate(sample_songs(FEW)[:3]):
        (folder / f"{number}.mid").write_bytes(song.data)
    (folder / "bad.mid").write_bytes(b"no song")
    return folder.as_uri()


@pytest.fixture
def lake(tmp_path: Path) -> str:
    return (tmp_path / "lake").as_uri()
