"""Results that are relocated, and what must be true of them then."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import VerifyScope
from midiprism.integrity.verify import verify_result
from midiprism.pipeline import Settings
from midiprism.relocate.relocate import relocate_result
from midiprism.relocate.relocation import Relocation
from midiprism.results.identity import StoreKind
from support import catalog_access as keeping
from support.failing_parts import catalog_content
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, read_tree, write_files
from support.parquet_rows import parquet_rows
from support.runs import run_split

SONGS = {
    "a.mid": fake_song(PIANO, BASS, BASS),
    "b.mid": fake_song(BASS, DRUMS),
    "c/copy.mid": fake_song(PIANO, BASS, BASS),
    "d.mid": b"junk",
    "e.mid": fake_song(DRUMS + "e", header="repaired"),
}
OTHER_FILES = ("notes.txt", "tracks/bass/mine.txt")
"""Files of somebody else's in a result."""


def make_result(folder: Path, store: StoreKind = "files", name: str = "out") -> Path:
    """A result in ``folder``, of the songs beside it."""
    out = folder / name
    settings = Settings(store=store, workers=0, database=keeping.postgres_address(out))
    assert run_split(write_files(folder / "songs", SONGS), out, settings).state == "done"
    return out


def relocate(out: Path, new: Path, **options: Any) -> Relocation:
    """Relocate a result; its catalogue, if it is in PostgreSQL, is known by the name of ``out``."""
    return relocate_result(str(out), str(new), database=keeping.postgres_address(out), **options)


def relocated_content(out: Path, place: Path) -> Any:
    """All that the result which was made in ``out`` holds, now that it is in ``place``."""
    catalogue = out if keeping.postgres_address(out) is not None else place
    tracks = {
        path: data for path, data in read_tree(place).items() if path.split("/")[0] in ("tracks", "links")
    }
    return tracks, parquet_rows(place) if (place / "links").exists() else None, catalog_content(catalogue)


def is_intact(out: Path, place: Path) -> bool:
    """Whether ``midiprism verify`` finds nothing."""
    found = verify_result(str(place), VerifyScope(), database=keeping.postgres_address(out))
    return found.ok and found.tracks > 0


def forbid_renames(patch: pytest.MonkeyPatch) -> None:
    """Let folders seem to be on different file systems."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    patch.setattr(os, "rename", refuse)
