"""Fixtures that several tests of runs share."""

from pathlib import Path

import pytest

from support.fake_songs import BASS, fake_song, write_files


@pytest.fixture(scope="module")
def first_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one song, which tests split before the others."""
    return write_files(tmp_path_factory.mktemp("one") / "first", {"x.mid": fake_song(BASS + "first")})
