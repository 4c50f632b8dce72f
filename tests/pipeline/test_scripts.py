"""Tests of runs with worker processes that scripts start."""

import subprocess
import sys
from pathlib import Path

import pytest

from midiprism.sample.write import write_songs
from support.fake_songs import write_files

UNGUARDED_SCRIPT = """
from midiprism.pipeline import Resources, Settings, run_pipeline
from midiprism.sources import open_folders
print("the script runs", flush=True)
settings = Settings(resources=Resources(workers=2, batch_songs=5))
summary = run_pipeline(open_folders(["songs"]), "out", settings)
print(summary.state, summary.songs_done, summary.songs_failed)
"""

SPLITTER_IN_SCRIPT = """
from midiprism import split
from midiprism.pipeline import Resources, RunParts, Settings, run_pipeline
from midiprism.sources import open_folders

def by_program(data):
    return split(data, by="program")

if __name__ == "__main__":
    settings = Settings(resources=Resources(workers=2, batch_songs=5))
    parts = RunParts(splitter=by_program)
    summary = run_pipeline(open_folders(["songs"]), "out", settings, parts=parts)
    print(summary.state, summary.songs_done, summary.songs_failed)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_songs(tmp_path / "songs", 20, seed=3)
    return tmp_path


def run_script(folder: Path, text: str) -> list[str]:
    write_files(folder, {"script.py": text.encode()})
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_script_without_a_main_guard_runs_once(folder: Path) -> None:
    assert run_script(folder, UNGUARDED_SCRIPT) == ["the script runs", "done 20 0"]


def test_workers_import_a_script_that_defines_what_they_need(folder: Path) -> None:
    assert run_script(folder, SPLITTER_IN_SCRIPT) == ["done 20 0"]
