"""Rounds of random kills of commands that remove songs from a result."""

import random
import shutil
from pathlib import Path

from midiprism.results.identity import StoreKind
from support import catalog_access
from support.kill_lab import (
    CheckedResult,
    KillLab,
    catalog_place,
    check_rows,
    check_whole,
    content_of,
    database_options,
)
from support.kill_points import expire_leases

_REMOVAL_CODES = (0, 2)
"""A removal exits with 2 if a killed one has done it: then there is no such song, or nothing to undo."""


def prune(store: StoreKind, catalog: str, lab: KillLab, name: str) -> None:
    """Prune songs that were deleted or edited, while others are new or moved."""
    lab.use_catalog(catalog)
    folder = lab.new_folder()
    shutil.copytree(lab.songs, folder / "songs")
    out, fresh = folder / "out", folder / "fresh"
    command = ["split", str(folder / "songs"), "--quiet", "--store", store, *lab.varied()]
    lab.killer.run(f"split {store} {catalog}", [*command, "-o", str(out), *database_options(out)])
    pruning = [*command, "-o", str(out), "--prune", *database_options(out)]
    lab.killer.run(name, pruning)  # tells how long it takes
    _change_library(folder / "songs", lab.rng)
    result = CheckedResult(out, out)
    for _ in lab.kills():
        lab.killer.run_and_kill(name, pruning)
        if catalog == "postgres":
            expire_leases(out)
        check_rows(result)
    lab.killer.run(name, pruning)
    lab.killer.run(f"split {store} {catalog}", [*command, "-o", str(fresh), *database_options(fresh)])
    check_whole(result, content_of(CheckedResult(fresh, fresh)))
    shutil.rmtree(folder)


def _change_library(songs: Path, rng: random.Random) -> None:
    """Delete, edit and move some songs of a library."""
    paths = sorted(songs.rglob("*.mid"))
    for path in rng.sample(paths, rng.randint(3, len(paths) // 3)):
        kind = rng.choice(("deleted", "deleted", "edited", "moved"))
        if kind == "moved":
            path.rename(path.with_name(f"moved {path.name}"))
        elif kind == "edited":
            other = rng.choice([it for it in paths if it.exists()]).read_bytes()
            path.write_bytes(other)
        else:
            path.unlink()


def forget(store: StoreKind, catalog: str, lab: KillLab, name: str) -> None:
    """Remove songs from a result, and undo that."""
    lab.use_catalog(catalog)
    result = lab.whole_result(store, catalog)
    songs = lab.rng.sample(sorted(map(str, lab.songs.rglob("*.mid"))), lab.rng.randint(1, 40))
    options = ["--quiet", *database_options(result.origin)]
    removing = ["forget", str(result.place), *songs, "--yes", *options]
    undoing = ["forget", str(result.place), "--undo", *options]
    undo_name = f"{name}, undo"
    lab.killer.run(name, removing)
    without = content_of(result)
    lab.killer.run(undo_name, undoing)
    for _ in lab.kills():
        if _removed_songs(result):
            _kill(lab, undo_name, undoing, result)
        else:
            _kill(lab, name, removing, result)
    if not _removed_songs(result):
        lab.killer.run(name, removing)
    else:  # what a killed command has left is completed by any command that writes
        lab.killer.run(name, removing, _REMOVAL_CODES)
    check_whole(result, without)
    lab.killer.run(undo_name, undoing)
    check_whole(result, result.content)


def _kill(lab: KillLab, name: str, command: list[str], result: CheckedResult) -> None:
    lab.killer.run_and_kill(name, command, _REMOVAL_CODES)
    if catalog_access.postgres_address(result.origin) is not None:
        expire_leases(result.origin)
    check_rows(result)


def _removed_songs(result: CheckedResult) -> int:
    """Return the number of songs that an undo would put back."""
    return int(catalog_access.query(catalog_place(result), "SELECT count(*) FROM removed_songs")[0][0])
