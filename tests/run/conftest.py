"""Songs for several of the tests of runs."""

from pathlib import Path

import pytest

from support.fake import BASS, song, write


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One song, which is split before the others."""
    return write(tmp_path_factory.mktemp("one") / "first", {"x.mid": song(BASS + "first")})
