"""Results that are relocated, and what must be true of them then."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from midiprism.catalog import Scope
from midiprism.run import Settings
from midiprism.run.carrying import Relocation
from midiprism.run.relocate import relocate_result
from midiprism.run.settings import StoreKind
from midiprism.run.verify import verify_result
from support import catalogs as keeping
from support.fake import BASS, DRUMS, PIANO, song, tree, write
from support.runs import run
from support.shards import rows_of
from support.trouble import content_of

SONGS = {
    "a.mid": song(PIANO, BASS, BASS),
    "b.mid": song(BASS, DRUMS),
    "c/copy.mid": song(PIANO, BASS, BASS),
    "d.mid": b"junk",
    "e.mid": song(DRUMS + "e", head="repaired"),
}
OTHERS = ("notes.txt", "tracks/bass/mine.txt")
"""Files of somebody else's in a result."""


def made(folder: Path, store: StoreKind = "files", name: str = "out") -> Path:
    """A result in ``folder``, of the songs beside it."""
    out = folder / name
    settings = Settings(store=store, workers=0, database=keeping.database(out))
    assert run(write(folder / "songs", SONGS), out, settings).state == "done"
    return out


def move(out: Path, new: Path, **options: Any) -> Relocation:
    """Relocate a result; its catalogue, if it is in PostgreSQL, is known by the name of ``out``."""
    return relocate_result(str(out), str(new), database=keeping.database(out), **options)


def held(out: Path, place: Path) -> Any:
    """All that the result which was made in ``out`` holds, now that it is in ``place``."""
    catalogue = out if keeping.database(out) is not None else place
    tracks = {path: data for path, data in tree(place).items() if path.split("/")[0] in ("tracks", "links")}
    return tracks, rows_of(place) if (place / "links").exists() else None, content_of(catalogue)


def is_whole(out: Path, place: Path) -> bool:
    """Whether ``midiprism verify`` finds nothing."""
    found = verify_result(str(place), Scope(), database=keeping.database(out))
    return found.ok and found.tracks > 0


def forbid_renames(patch: pytest.MonkeyPatch) -> None:
    """Let folders seem to be on different file systems."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    patch.setattr(os, "rename", refuse)
