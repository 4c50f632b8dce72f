"""The way of one song from the command to its committed row."""

import os
import re
import subprocess
import sys
from pathlib import Path

from blake3 import blake3

import midiprism
from midiprism.sample import generate_songs
from support.song_tracer import MARK

MAX_FILES = 28
ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


def files_passed(folder: Path) -> set[str]:
    """Return the source files that a song passes in a run with one worker process, track files and SQLite."""
    data = next(iter(generate_songs(1, seed=3))).data
    (folder / "songs").mkdir()
    (folder / "songs" / f"{MARK}.mid").write_bytes(data)
    contents = [data, *(track.data for track in midiprism.split(data).tracks)]
    digests = frozenset(blake3(content).digest() for content in contents)
    out = folder / "passed"
    # Python runs it in every process before anything else.
    (folder / "sitecustomize.py").write_text(
        f"from support.song_tracer import trace\ntrace({str(out)!r}, {digests!r})\n"
    )
    search_path = (str(folder), str(TESTS), str(Path(midiprism.__file__).parents[1]))
    # The index of searches follows after the row is committed.
    no_index = "from midiprism.search import upkeep; upkeep.start_update_after_run = lambda *_: lambda: None"
    program = f"import sys; from midiprism.cli import main; {no_index}; sys.exit(main())"
    command = [sys.executable, "-c", program, "split", "songs", "-o", "out", "--workers", "1", "--quiet"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(search_path)}
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=300)
    return {name.replace(os.sep, "/") for name in out.read_text().splitlines()}


def test_a_song_passes_the_files_that_the_architecture_lists_and_no_others(tmp_path: Path) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text[text.index("## The way of a song") : text.index("## Order of writes")]
    listed = set(re.findall(r"`([\w/]+\.py)`", section))
    assert files_passed(tmp_path) == listed
    assert len(listed) <= MAX_FILES
