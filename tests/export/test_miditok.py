"""Tests that the page on MidiTok is right: what it says is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

from midiprism.sample import write_songs

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "tokenize-with-miditok.md"
CHECKS = """
assert len(training) and len(test) and len(training) + len(test) <= len(tracks)
groups = [set(part["song_group"]) - {None} for part in (training, test)]
assert not groups[0] & groups[1]
assert not set(training["note_hash"]) & set(test["note_hash"])
assert tokenizer.vocab_size == 500
for row in test:
    (found,) = tokenizer([row["ids"]]).tracks
    (wanted,) = [track for track in Score.from_midi(row["music"]).tracks if track.notes]
    assert {note.pitch for note in found.notes} == {note.pitch for note in wanted.notes}
    assert row["note_count"] == len(wanted.notes)
"""


def test_a_selection_is_tokenized_with_a_division_without_leaks(tmp_path: Path) -> None:
    write_songs(tmp_path / "songs", 40)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```(python)?\n(.*?)```", text, re.DOTALL)
    commands = [line.split() for kind, block in blocks if not kind for line in block.splitlines()]
    assert [command[:2] for command in commands] == [["midiprism", "split"], ["midiprism", "export"]]
    for command in commands:
        subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, check=True, capture_output=True)
    program = "\n".join(block for kind, block in blocks if kind) + CHECKS
    offline = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | offline,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
