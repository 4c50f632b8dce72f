"""Tests of names and paths under locales that are not UTF-8: a result does not depend on the locale."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.midi_writer import note, song, track, track_name
from support.nightly import nightly
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


@pytest.fixture(scope="module")
def made_under_utf8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with songs and the result that a command made of them under UTF-8."""
    folder = tmp_path_factory.mktemp("utf8")
    run_midiprism(UTF8, "split", write_songs(folder / "songs"), "--out", folder / "Möbel")
    return folder


@pytest.mark.parametrize("workers", [2, *nightly(0)])
def test_a_result_does_not_depend_on_the_locale(
    made_under_utf8: Path, tmp_path: Path, other_locale: dict[str, str], workers: int
) -> None:
    out = tmp_path / "out"
    run_midiprism(other_locale, "split", made_under_utf8 / "songs", "--out", out, f"--workers={workers}")
    assert result_content(out) == result_content(made_under_utf8 / "Möbel")
    assert list(out.glob(f"tracks/*/*/{TRACK_NAMES[2]}-*.mid"))


@pytest.mark.parametrize("other_locale", ["ASCII", *nightly("ISO-8859-1")], indirect=True)
def test_a_result_is_usable_under_another_locale_than_it_was_made_under(
    made_under_utf8: Path, tmp_path: Path, other_locale: dict[str, str], run_cli: Callable[..., Any]
) -> None:
    songs, out = made_under_utf8 / "songs", tmp_path / "Möbel"
    shutil.copytree(made_under_utf8 / "Möbel", out)
    again = run_midiprism(other_locale, "split", songs, "--out", out, "--json")
    assert '"songs_skipped": 3' in again
    assert '"ok": true' in run_midiprism(other_locale, "verify", out, "--json")
    assert run_cli("export", out, "--to", tmp_path / "utf8")[0] == 0
    run_midiprism(other_locale, "export", out, "--to", tmp_path / "other")
    names = [
        sorted(path.relative_to(tmp_path / tree) for path in (tmp_path / tree).rglob("*.mid"))
        for tree in ("utf8", "other")
    ]
    assert len(names[0]) == 3
    assert names[0] == names[1]
    assert run_cli("list", out, "--json")[1] == run_midiprism(other_locale, "list", out, "--json")
    run_midiprism(other_locale, "list", out)
    run_midiprism(other_locale, "relocate", out, tmp_path / "日本 neu")
    code, output, _ = run_cli("verify", tmp_path / "日本 neu", "--json")
    assert (code, '"ok": true' in output) == (0, True)
