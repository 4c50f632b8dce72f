"""Tests of names and paths under locales that are not UTF-8: a result does not depend on the locale."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.midi_writer import note, song, track, track_name
from support.result_content import result_content

SONG_NAMES = ("plain.mid", "déjà vu.mid", "日本.mid")
TRACK_NAMES = ("Lead", "Flûte", "日本のピアノ")
UTF8 = {"LC_ALL": "C.UTF-8"}


@pytest.fixture(params=["ASCII", "ISO-8859-1"])
def other_locale(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a locale in which Python does not decode names as UTF-8."""
    if request.param == "ASCII":
        return {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    name, folder = f"en_US.{request.param}", tmp_path / "locales"
    folder.mkdir()
    command = ["localedef", "-i", "en_US", "-f", request.param, str(folder / name)]
    if not shutil.which("localedef") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the locale cannot be made here")
    return {"LC_ALL": name, "LOCPATH": str(folder), "PYTHONUTF8": "0"}


def write_songs(folder: Path) -> Path:
    folder.mkdir()
    for number, (song_name, name) in enumerate(zip(SONG_NAMES, TRACK_NAMES, strict=True)):
        messages = [(0, track_name(name.encode())), *note(0, 60 + number, 0, 96)]
        (folder / song_name).write_bytes(song(track(messages)))
    return folder


def run_midiprism(environment: dict[str, str], *arguments: str | Path) -> str:
    """Return the output of a command that must succeed, run under a locale."""
    command: list[str | bytes] = [sys.executable, "-m", "midiprism", *map(os.fsencode, arguments)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)
    output = done.stdout.decode("utf-8", "surrogateescape")
    assert done.returncode == 0, output + done.stderr.decode("utf-8", "replace")
    return output


@pytest.mark.parametrize("workers", [0, 2])
def test_a_result_does_not_depend_on_the_locale(
    tmp_path: Path, other_locale: dict[str, str], workers: int
) -> None:
    songs = write_songs(tmp_path / "songs")
    options = (songs, f"--workers={workers}", "--out")
    run_midiprism(UTF8, "split", *options, tmp_path / "expected")
    run_midiprism(other_locale, "split", *options, tmp_path / "out")
    assert result_content(tmp_path / "out") == result_content(tmp_path / "expected")
    assert list((tmp_path / "out").glob(f"tracks/*/*/{TRACK_NAMES[2]}-*.mid"))


def test_a_result_is_usable_under_another_locale_than_it_was_made_under(
    tmp_path: Path, other_locale: dict[str, str]
) -> None:
    songs, out = write_songs(tmp_path / "songs"), tmp_path / "Möbel"
    run_midiprism(UTF8, "split", songs, "--out", out)
    again = run_midiprism(other_locale, "split", songs, "--out", out, "--json")
    assert '"songs_skipped": 3' in again
    for environment, tree in ((UTF8, "utf8"), (other_locale, "other")):
        assert '"ok": true' in run_midiprism(environment, "verify", out, "--json")
        run_midiprism(environment, "export", out, "--to", tmp_path / tree)
    names = [
        sorted(path.relative_to(tmp_path / tree) for path in (tmp_path / tree).rglob("*.mid"))
        for tree in ("utf8", "other")
    ]
    assert len(names[0]) == 3
    assert names[0] == names[1]
    assert run_midiprism(UTF8, "list", out, "--json") == run_midiprism(other_locale, "list", out, "--json")
    run_midiprism(other_locale, "list", out)
    run_midiprism(other_locale, "relocate", out, tmp_path / "日本 neu")
    assert '"ok": true' in run_midiprism(UTF8, "verify", tmp_path / "日本 neu", "--json")
