"""Collections as files for other programs: archives, playlists and trees."""

import os
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from itertools import count
from typing import IO, NamedTuple

from midiprism.catalog.track_row import TrackRow
from midiprism.errors import StoreError
from midiprism.export.materialize import Materialized, Materializer
from midiprism.export.path_template import SUFFIX, PathTemplate, add_number, song_path
from midiprism.export.tree_folder import open_tree_folder
from midiprism.web.served_result import ServedResult

TREE_TEMPLATE = PathTemplate("song")

_TIME = (1980, 1, 1, 0, 0, 0)  # the first that an archive can have: the same collection gives the same bytes
_BYTES_IN_MEMORY = 8 << 20
_TRACKS_PER_READ = 200
_NOT_SHOWN = "CZ"  # controls, directions, separators of lines


class PlacedTrack(NamedTuple):
    """A track and its path in a tree, with ``/`` between folders; no two differ only in case."""

    row: TrackRow
    path: str


def place_tracks(rows: Sequence[TrackRow]) -> list[PlacedTrack]:
    """Return the paths of tracks in a tree by songs, safe on every system."""
    taken: set[str] = set()
    next_numbers: dict[str, int] = {}
    placed = []
    for row in rows:
        *folders, name = TREE_TEMPLATE.render(row, song_path(row))
        base = "/".join((*folders, name)).casefold()
        for number in count(next_numbers.get(base, 1)):
            path = "/".join((*folders, add_number(name, number) + SUFFIX))
            if path.casefold() not in taken:
                break
        next_numbers[base] = number + 1
        taken.add(path.casefold())
        placed.append(PlacedTrack(row, path))
    return placed


def write_archive(result: ServedResult, rows: Sequence[TrackRow]) -> IO[bytes]:
    """Return an open ZIP archive of tracks, at its beginning.

    Raises:
        StoreError: a track is missing.
    """
    file = tempfile.SpooledTemporaryFile(_BYTES_IN_MEMORY)  # noqa: SIM115 - the response closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        placed = place_tracks(rows)
        for start in range(0, len(placed), _TRACKS_PER_READ):
            part = placed[start : start + _TRACKS_PER_READ]
            for one, data in zip(part, result.read_many([it.row.location for it in part]), strict=True):
                entry = zipfile.ZipInfo(one.path, _TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)
    file.seek(0)
    return file


def write_playlist(rows: Sequence[TrackRow]) -> Iterator[str]:
    """Yield the lines of an extended M3U playlist, which names the files of the tree of the same tracks."""
    yield "#EXTM3U\n"
    for row, path in place_tracks(rows):
        seconds = row.track.last_note_seconds
        title = one_line(f"{row.song_name} - {row.link.name or row.link.instrument}")
        yield f"#EXTINF:{-1 if seconds is None else round(seconds)},{title}\n"
        yield f"./{path}\n"  # a name may begin with #


def write_tree(result: ServedResult, rows: Sequence[TrackRow], folder: str) -> int:
    """Write tracks to a tree of files, and return how many are there. Files that are there are left.

    Raises:
        StoreError: a track is missing, or the folder cannot be written.
    """
    with result.store() as store, open_tree_folder(folder, TREE_TEMPLATE):
        try:
            with Materializer(store, folder) as materializer:
                outcomes: list[Materialized] = []
                for row, path in place_tracks(rows):
                    target = os.path.join(folder, *path.split("/"))
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    outcomes += materializer.materialize(row.location, row.track.size, target)
                outcomes += materializer.commit()
                materializer.finish()
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error
        for written in outcomes:
            if isinstance(written.outcome, Exception):
                raise StoreError(f"{written.target} cannot be written: {written.outcome}.")
    return len(outcomes)


def one_line(text: str) -> str:
    """Return a text without controls and line ends, which would be further lines of a list."""
    return "".join(" " if unicodedata.category(char)[0] in _NOT_SHOWN else char for char in text)
