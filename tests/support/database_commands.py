"""Commands on a result whose catalog is in PostgreSQL: their environment, and a result to begin with."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from midiprism.cli.options import DATABASE_URL_VARIABLE, GENERIC_DATABASE_URL_VARIABLE
from midiprism.integrity import repair
from midiprism.pipeline import runner
from support.fake_songs import BASS, DRUMS, PIANO, LoadedSplitter, fake_song, fake_split, write_files


def prepare_songs(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make ``folder`` the current one, with ``songs``, no address in the environment, and a fake splitter."""
    patch.setattr(runner, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    patch.setattr(repair, "LazySplitter", lambda *_settings: LoadedSplitter(fake_split))
    patch.chdir(folder)
    for name in [
        DATABASE_URL_VARIABLE,
        GENERIC_DATABASE_URL_VARIABLE,
        *(name for name in os.environ if name.startswith("PG")),
    ]:
        patch.delenv(name, raising=False)
    files = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS, DRUMS), "bad.mid": b"junk"}
    write_files(folder / "songs", files)


def split_into_database(run: Callable[..., tuple[int, str, str]], url: str) -> str:
    """Create a result in ``out``; return the option that names its catalog."""
    assert run("split", "songs", "-o", "out", "--workers", 0, "--database", url)[0] == 1, "one song is bad"
    return f"--database {shlex.quote(url)}"
