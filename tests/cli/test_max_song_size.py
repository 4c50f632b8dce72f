"""Tests of ``--max-song-size``, and of what is said of songs that are too large."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import midiprism
from midiprism.errors import UsageError
from support.midi_writer import meta, note, song, track

Run = Callable[..., tuple[int, str, str]]

SONG = song(track([(0, meta(1, bytes(3_000))), *note(0, 60, 0, 10)]))


@pytest.fixture(autouse=True)
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("songs").mkdir()
    Path("songs", "big.mid").write_bytes(SONG)


def split(run_cli: Run, *options: str) -> tuple[int, str, str]:
    return run_cli("split", "songs", "-o", "out", "--workers", "0", "--quiet", *options)


def test_a_song_that_is_too_large_names_the_option_and_is_split_with_it(run_cli: Run) -> None:
    code, _, errors = split(run_cli, "--max-song-size", "2K")
    assert (code, "(song_size: --retry-failed --max-song-size SIZE" in errors) == (1, True)
    _, output, _ = run_cli("status", "out")
    assert "--max-song-size" in output

    assert split(run_cli, "--retry-failed", "--max-song-size", "4K")[0] == 0
    assert len(list(Path("out", "tracks").rglob("*.mid"))) == 1


def test_a_command_that_resumes_the_run_repeats_the_option(run_cli: Run) -> None:
    split(run_cli, "--max-song-size", "2K")
    _, output, _ = run_cli("status", "out", "--json")
    assert "--max-song-size=2K" in json.dumps(json.loads(output))


def test_library_code_names_no_option() -> None:
    with pytest.raises(midiprism.CorruptMidiError) as caught:
        midiprism.split(SONG, limits=midiprism.Limits(input_bytes=2_000))
    assert (caught.value.code, "--" in str(caught.value)) == ("song_size", False)


@pytest.mark.parametrize("size", ["", "0", "-1", "2T", "x", "1.5M", "1025M", "2G", "9" * 50])
def test_a_size_that_no_song_may_have_is_refused(run_cli: Run, size: str) -> None:
    code, _, errors = split(run_cli, f"--max-song-size={size}")
    assert (code, "--max-song-size" in errors) == (2, True)
    assert not Path("out").exists()


@pytest.mark.parametrize("size", ["1G", "64m", "4096", "4KB"])
def test_sizes_have_units(run_cli: Run, size: str) -> None:
    assert split(run_cli, "--max-song-size", size)[0] == 0


def test_inspect_has_the_option_too(run_cli: Run) -> None:
    path = Path("songs", "big.mid")
    assert run_cli("inspect", path, "--max-song-size", "4K")[0] == 0
    code, _, errors = run_cli("inspect", path, "--max-song-size", "2K")
    assert (code, "--max-song-size SIZE" in errors) == (1, True)


def test_the_python_interface_takes_bytes() -> None:
    summary = midiprism.split_library("songs", "out", workers=0, max_song_size=2_000)
    assert [failure.code for failure in summary.failures] == ["song_size"]
    again = midiprism.split_library("songs", "out", workers=0, retry_failed=True, max_song_size=4_000)
    assert (again.songs_done, again.songs_failed) == (1, 0)
    for size in (0, -1, (1 << 30) + 1):
        with pytest.raises(UsageError, match="1,073,741,824 bytes"):
            midiprism.split_library("songs", "out", workers=0, max_song_size=size)
