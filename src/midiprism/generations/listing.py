"""The songs of a source, listed and sorted by path, in memory that does not grow with their number."""

import heapq
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.objects import ObjectInfo, ObjectStorage
from midiprism.sources.file_types import is_archive, is_junk_member, is_midi_name, is_parquet

RUN_SONGS = 100_000
"""Songs that are sorted in memory; if there are more, sorted runs go to the local disk."""

_MAX_TIME_NS = (1 << 63) - 1


class ListedSong(NamedTuple):
    """A song as a source lists it: a row of ``PLAN_COLUMNS``.

    A container, an archive or a Parquet file, has a slash at the end of its path, so that its songs follow
    it in the order of paths.
    """

    path: str
    size: int
    mtime_ns: int
    etag: str


def is_container(song: ListedSong) -> bool:
    """Return whether an object is an archive or a Parquet file with songs."""
    return song.path.endswith("/")


def object_key(song: ListedSong) -> str:
    """Return the key of the object that a song or a container is."""
    return song.path.removesuffix("/")


class SortedListing:
    """The songs of a source in the order of their paths; can be iterated several times.

    Args:
        storage: the source.
        folder: for sorted runs.
        containers: whether archives and Parquet files count, each as one song.
        run_songs: see ``RUN_SONGS``.

    Attributes:
        count: number of songs and containers.

    Raises:
        ObjectStorageError: the source cannot be listed.
    """

    def __init__(
        self, storage: ObjectStorage, folder: str, run_songs: int = RUN_SONGS, *, containers: bool = False
    ) -> None:
        self.count = 0
        self._paths: list[str] = []
        self._last_run: list[ListedSong] = []
        for info in storage.list():
            end = _end_of_path(info, containers=containers)
            if end is None:
                continue
            self.count += 1
            self._last_run.append(_listed(info, end))
            if len(self._last_run) >= run_songs:
                self._write_run(folder)
        self._last_run.sort()

    def __iter__(self) -> Iterator[ListedSong]:
        return heapq.merge(*map(_read_run, self._paths), self._last_run)

    def _write_run(self, folder: str) -> None:
        path = os.path.join(folder, f"run-{len(self._paths):06}.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(song) + "\n" for song in sorted(self._last_run))
        self._paths.append(path)
        self._last_run = []


def _read_run(path: str) -> Iterator[ListedSong]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield ListedSong._make(json.loads(line))


def _end_of_path(info: ObjectInfo, *, containers: bool) -> str | None:
    """Return what follows the key of a song or container in its path; None for other objects, by their names.

    Empty objects, such as those of folders, are no songs.
    """
    path = info.key.encode()
    if info.size == 0 or is_junk_member(path):
        return None
    if is_midi_name(path):
        return ""
    return "/" if containers and (is_archive(path) or is_parquet(path)) else None


def _listed(info: ObjectInfo, end: str) -> ListedSong:
    mtime_ns = int(info.modified.timestamp() * 1_000_000) * 1_000
    return ListedSong(info.key + end, info.size, max(0, min(mtime_ns, _MAX_TIME_NS)), info.etag)
