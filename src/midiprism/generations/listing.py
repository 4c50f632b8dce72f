"""The songs of a source, listed and sorted by path, in memory that does not grow with their number."""

import heapq
import json
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from midiprism.objects import ObjectInfo, ObjectStorage
from midiprism.sources.file_types import is_archive, is_junk_member, is_midi_name, is_parquet

RUN_SONGS = 100_000
"""Songs that are sorted in memory; if there are more, sorted runs go to the local disk."""

RUNS_PER_LEVEL = 64
"""Runs that become one of the next level: systems let a process open some hundreds of files."""

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
        self._folder = folder
        self._run_count = 0
        self._levels: list[list[str]] = [[]]
        self._last_run: list[ListedSong] = []
        for info in storage.list():
            end = _end_of_path(info, containers=containers)
            if end is None:
                continue
            self.count += 1
            self._last_run.append(_listed(info, end))
            if len(self._last_run) >= run_songs:
                self._write_run(sorted(self._last_run), 0)
                self._last_run = []
        self._last_run.sort()

    def __iter__(self) -> Iterator[ListedSong]:
        paths = [path for level in self._levels for path in level]
        return heapq.merge(*map(_read_run, paths), self._last_run)

    def _write_run(self, songs: Iterable[ListedSong], level: int) -> None:
        """Write a run, and make one of so many runs of its level as may be open at once."""
        path = os.path.join(self._folder, f"run-{self._run_count:06}.jsonl")
        self._run_count += 1
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(song) + "\n" for song in songs)
        runs = self._levels[level]
        runs.append(path)
        if len(runs) < RUNS_PER_LEVEL:
            return
        if len(self._levels) == level + 1:
            self._levels.append([])
        self._write_run(heapq.merge(*map(_read_run, runs)), level + 1)
        for merged in runs:
            os.unlink(merged)
        self._levels[level] = []


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
