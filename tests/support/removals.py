"""Results from which songs are removed, and what must hold for them."""

import os
from pathlib import Path
from typing import Any

from midiprism.catalog import VerifyScope
from midiprism.integrity.verify import verify_result
from midiprism.removal.forget import SongChoice, forget_songs
from midiprism.removal.undo import RestoredCounts, undo_removal
from midiprism.results.removal_counts import RemovalCounts
from midiprism.results.removed_files import REMOVED_FOLDER
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.parquet_rows import parquet_rows
from support.result_content import catalog_content, tracks
from support.runs import make_settings, run_split

LIBRARY = {
    "a.mid": fake_song(PIANO, BASS, BASS),
    "b.mid": fake_song(BASS, DRUMS),
    "c/copy.mid": fake_song(PIANO, BASS, BASS),
    "d.mid": b"junk",
    "e.mid": fake_song(DRUMS + "e", PIANO + "e", header="repaired"),
    "f.mid": fake_song(),
}
"""Songs of which one is there twice, and of which two share a track."""


def split_library(folder: Path, store: str, *, prune: bool = False) -> Path:
    """Split the songs in ``folder/songs``, which are written unless they are there, into ``folder/out``."""
    songs = folder / "songs"
    if not songs.exists():
        write_files(songs, LIBRARY)
        for path in songs.rglob("*.mid"):  # so that equal libraries give equal rows
            os.utime(path, (0, 0))
    settings = make_settings(store=store, workers=0, batch_songs=2, prune=prune)
    summary = run_split(songs, folder / "out", settings)
    assert (summary.state, summary.error) == ("done", None)
    return folder / "out"


def forget(out: Path, *names: str) -> RemovalCounts:
    return forget_songs(str(out), SongChoice(names), catalog_access.postgres_address(out))


def undo(out: Path) -> RestoredCounts:
    return undo_removal(str(out), catalog_access.postgres_address(out))


def content_of(out: Path, store: str) -> Any:
    """Return the tracks and rows of a result, which has to be sound."""
    report = verify_result(str(out), VerifyScope(), database=catalog_access.postgres_address(out))
    assert report.ok, report.as_dict()
    stored = tracks(out) if store == "files" else parquet_rows(out)
    return stored, catalog_content(out)


def removed_files(out: Path) -> list[str]:
    """Return the files that an undo would put back."""
    folder = out / REMOVED_FOLDER
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
