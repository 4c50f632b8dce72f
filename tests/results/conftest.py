"""Fixtures that tests of results share."""

from pathlib import Path

import pytest

from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.runs import run_split


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Return a result of four songs, one of them under two paths."""
    files = {
        "a.mid": fake_song(PIANO, BASS),
        "b.mid": fake_song(BASS, DRUMS),
        "copy.mid": fake_song(PIANO, BASS),
    }
    files |= {"none.mid": fake_song(), "mended.mid": fake_song(PIANO, header="repaired")}
    run_split(write_files(tmp_path / "songs", files), tmp_path / "out")
    return tmp_path / "out"
