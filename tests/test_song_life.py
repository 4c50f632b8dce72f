"""The life of a song: new, moved, copied, edited, deleted, unreadable, back again, in every result."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet
import pytest

from midiprism.catalog import VerifyScope, find_tracks
from midiprism.integrity.verify import verify_result
from midiprism.pipeline import Summary
from midiprism.results.result_dir import open_catalog_of
from support import catalog_access
from support.fake_songs import fake_song, write_files
from support.runs import make_settings, run_split

KEPT, A, B, B_NEW = (f"Piano;Grand Piano;{name};{name}" for name in ("kept", "a", "b", "b new"))
SHARED = "Bass;Slap Bass 1;Bassline;shared"

Places = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Stage:
    """A change of a library, and the result after the next split.

    Attributes:
        change: the files of the library; None for a file that is deleted.
        songs: names of the listed songs, each with all its paths.
        tracks: that are stored.
        gone: songs that the scan says are gone.
        pruned: songs that ``--prune`` removes; None for a split without it.
    """

    name: str
    change: Callable[[Path], object]
    songs: Places
    tracks: set[str] = field(default_factory=set)
    gone: int = 0
    pruned: int | None = None


def write(**files: bytes | None) -> Callable[[Path], object]:
    """Return a change that writes or deletes songs."""

    def change(library: Path) -> None:
        for name, data in files.items():
            path = library / f"{name}.mid"
            path.unlink(missing_ok=True)
            if data is not None:
                write_files(library, {path.name: data})

    return change


def move(old: str, new: str) -> Callable[[Path], object]:
    return lambda library: (library / f"{old}.mid").rename(library / f"{new}.mid")


def make_unreadable(name: str) -> Callable[[Path], object]:
    """Return a change that puts something in the place of a song that no user can read."""

    def change(library: Path) -> None:
        (library / f"{name}.mid").unlink()
        os.symlink(f"{name}.mid", library / f"{name}.mid")

    return change


SONG_A, SONG_B, SONG_B_NEW = fake_song(A, SHARED), fake_song(B, SHARED), fake_song(B_NEW, SHARED)
ALL_NEW = write(kept=fake_song(KEPT), a=SONG_A, b=SONG_B)
KEPT_PLACES = {"kept": ["kept"]}

LIFE = (
    Stage("new", ALL_NEW, {"a": ["a"], "b": ["b"]}, {A, B, SHARED}),
    Stage("moved", move("a", "moved"), {"moved": ["moved"], "b": ["b"]}, {A, B, SHARED}),
    Stage("copied", write(copy=SONG_B), {"moved": ["moved"], "b": ["b", "copy"]}, {A, B, SHARED}),
    Stage(
        "edited",
        write(b=SONG_B_NEW),
        {"moved": ["moved"], "b": ["b"], "copy": ["copy"]},
        {A, B, B_NEW, SHARED},
    ),
    Stage("deleted", write(copy=None), {"moved": ["moved"], "b": ["b"]}, {A, B, B_NEW, SHARED}, gone=1),
    Stage("pruned", write(), {"moved": ["moved"], "b": ["b"]}, {A, B_NEW, SHARED}, gone=1, pruned=1),
    Stage("unreadable", make_unreadable("b"), {"moved": ["moved"]}, {A, B_NEW, SHARED}),
    Stage("unreadable, pruned", write(), {"moved": ["moved"]}, {A, B_NEW, SHARED}, pruned=0),
    Stage("readable", write(b=SONG_B_NEW), {"moved": ["moved"], "b": ["b"]}, {A, B_NEW, SHARED}, pruned=0),
    Stage("edited, pruned", write(b=SONG_B), {"moved": ["moved"], "b": ["b"]}, {A, B, SHARED}, pruned=1),
    Stage("gone", write(moved=None), {"b": ["b"]}, {A, B, SHARED}, gone=1),
    Stage("back again", write(moved=SONG_A), {"moved": ["moved"], "b": ["b"]}, {A, B, SHARED}),
    Stage("gone, pruned", write(moved=None), {"b": ["b"]}, {B, SHARED}, gone=1, pruned=1),
    Stage("back after that", write(a=SONG_A), {"a": ["a"], "b": ["b"]}, {A, B, SHARED}),
    Stage("emptied", write(a=b""), {"b": ["b"]}, {A, B, SHARED}, gone=1),
)


def listed_songs(out: Path, library: Path) -> dict[str, list[str]]:
    """Return the names of the listed songs, each with all its paths."""
    root = len(bytes(library)) + 1
    with open_catalog_of(str(out), catalog_access.postgres_address(out)) as catalog:
        rows = [*find_tracks(catalog.connection)]
    return {row.song_name: [os.fsdecode(path[root:-4]) for path in row.paths] for row in rows}


def stored_tracks(out: Path) -> set[str]:
    """Return the content of all tracks, each of which is there once."""
    shards = sorted((out / "tracks").glob("*.parquet"))
    tables = [pyarrow.parquet.read_table(path) for path in shards]
    contents = [path.read_bytes() for path in (out / "tracks").rglob("*.mid")]
    contents += [data for table in tables for data in table.column("music").to_pylist()]
    assert len(contents) == len(set(contents))
    return {data.decode() for data in contents}


def names_in_songs_table(out: Path) -> list[str]:
    table = pyarrow.parquet.read_table(out / "songs" / "songs.parquet", columns=["path"])
    return sorted(path[:-4] for path in table.column("path").to_pylist() if path is not None)


def live(stage: Stage, library: Path, out: Path, store: str) -> Summary:
    """Change the library, and split it."""
    stage.change(library)
    settings = make_settings(workers=0, store=store, prune=stage.pruned is not None)
    return run_split(library, out, settings)


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_a_result_follows_its_library(tmp_path: Path, catalog_backend: str, store: str) -> None:
    del catalog_backend
    library, out = tmp_path / "songs", tmp_path / "out"
    library.mkdir()
    for stage in LIFE:
        summary = live(stage, library, out, store)
        assert (summary.state, summary.error) == ("done", None), stage.name
        assert listed_songs(out, library) == {**KEPT_PLACES, **stage.songs}, stage.name
        assert stored_tracks(out) == stage.tracks | {KEPT}, stage.name
        assert (summary.songs_gone, summary.songs_doubted) == (stage.gone, 0), stage.name
        assert stage.pruned == (None if summary.removed is None else summary.removed.songs), stage.name
        report = verify_result(str(out), VerifyScope(), database=catalog_access.postgres_address(out))
        assert report.ok, (stage.name, report.as_dict())
        if store == "parquet":
            assert names_in_songs_table(out) == sorted({**KEPT_PLACES, **stage.songs}), stage.name
