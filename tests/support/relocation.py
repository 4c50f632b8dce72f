"""Results to relocate, and checks of relocated ones."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import VerifyScope
from midiprism.cli.advice import explain
from midiprism.errors import MidiprismError
from midiprism.integrity.verify import verify_result
from midiprism.relocate.relocate import relocate_result
from midiprism.relocate.relocation import Relocation
from midiprism.results.identity import StoreKind
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, read_tree, write_files
from support.parquet_rows import parquet_rows
from support.result_content import catalog_content
from support.runs import make_settings, run_split

KINDS: list[StoreKind] = ["files", "parquet"]
SONGS = {
    "a.mid": fake_song(PIANO, BASS, BASS),
    "b.mid": fake_song(BASS, DRUMS),
    "c/copy.mid": fake_song(PIANO, BASS, BASS),
    "d.mid": b"junk",
    "e.mid": fake_song(DRUMS + "e", header="repaired"),
}
OTHER_FILES = ("notes.txt", "tracks/bass/mine.txt")
"""Files in a result that do not belong to it."""


def make_result(folder: Path, store: StoreKind = "files", name: str = "out") -> Path:
    """Return a new result of ``SONGS`` in ``folder``, where the songs are too."""
    out = folder / name
    settings = make_settings(store=store, workers=0, database=catalog_access.postgres_address(out))
    assert run_split(write_files(folder / "songs", SONGS), out, settings).state == "done"
    return out


def relocate(out: Path, new: Path, **options: Any) -> Relocation:
    """Relocate a result. A catalog in PostgreSQL keeps the schema that is named after ``out``."""
    return relocate_result(str(out), str(new), database=catalog_access.postgres_address(out), **options)


def relocated_content(out: Path, new: Path) -> Any:
    """Return the whole content of a result that was made in ``out`` and is in ``new`` now."""
    catalog_of = out if catalog_access.postgres_address(out) is not None else new
    tracks = {
        path: data for path, data in read_tree(new).items() if path.split("/")[0] in ("tracks", "links")
    }
    return tracks, parquet_rows(new) if (new / "links").exists() else None, catalog_content(catalog_of)


def is_intact(out: Path, new: Path) -> bool:
    """Return whether the result that was made in ``out`` has tracks and no damage."""
    report = verify_result(str(new), VerifyScope(), database=catalog_access.postgres_address(out))
    return report.ok and report.tracks > 0


def forbid_renames(patch: pytest.MonkeyPatch) -> None:
    """Make all folders look as if they were on different file systems."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    patch.setattr(os, "rename", refuse)


@contextlib.contextmanager
def raises_advice(kind: type[MidiprismError], advice: str) -> Iterator[None]:
    """Expect an error for which the command line gives this advice."""
    with pytest.raises(kind) as raised:
        yield
    assert advice in explain(raised.value)
