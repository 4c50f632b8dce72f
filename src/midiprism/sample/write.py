"""Write sample songs into a folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from midiprism.errors import UsageError
from midiprism.sample.songs import generate_songs

_PROGRESS_INTERVAL = 64
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """Counts of the songs written.

    Attributes:
        songs: files.
        folders: folders of artists.
        size_bytes: bytes of all files together.
    """

    songs: int
    folders: int
    size_bytes: int


def write_songs(
    folder: Path,
    count: int,
    *,
    seed: int = 0,
    duplicates: float = 0.49,
    progress: Callable[[int], None] | None = None,
) -> SampleSummary:
    """Write sample songs into a new or empty folder, one folder per artist.

    Args:
        folder: created where it is missing, with its songs.
        count: how many songs.
        seed: see ``generate_songs``.
        duplicates: see ``generate_songs``.
        progress: called now and then, and at the end, with the number of songs written so far.

    Raises:
        UsageError: the folder is not empty, or an argument is out of its range.
    """
    songs = generate_songs(count, seed=seed, duplicates=duplicates)
    root = os.fspath(folder)
    _create_empty_folder(root)
    folders: set[str] = set()
    written = size = 0
    for song in songs:
        artist = song.path.partition("/")[0]
        if artist not in folders:
            os.mkdir(os.path.join(root, artist))
            folders.add(artist)
        _write_file(os.path.join(root, song.path), song.data)
        written += 1
        size += len(song.data)
        if progress is not None and written % _PROGRESS_INTERVAL == 0:
            progress(written)
    if progress is not None:
        progress(written)
    return SampleSummary(written, len(folders), size)


def _create_empty_folder(root: str) -> None:
    try:
        os.makedirs(root, exist_ok=True)
        with os.scandir(root) as entries:
            occupied = next(entries, None) is not None
    except FileExistsError as error:
        raise UsageError(f"{root} is a file; name a folder for the sample songs.") from error
    except OSError as error:
        raise UsageError(f"{root} cannot be used ({error.strerror}); name another folder.") from error
    if occupied:
        raise UsageError(f"{root} is not empty; name a new or an empty folder for the sample songs.")


def _write_file(path: str, data: bytes) -> None:
    handle = os.open(path, _CREATE_FLAGS, 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
    finally:
        os.close(handle)
