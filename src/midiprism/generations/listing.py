"""The songs of a source, listed and sorted by path, in memory that does not grow with their number."""

import heapq
import json
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from midiprism.errors import UsageError
from midiprism.objects import ObjectInfo, ObjectStorage, ObjectStorageError, ReadRequest
from midiprism.sources.file_types import is_archive, is_junk_member, is_midi_name, is_parquet
from midiprism.sources.marker import MARKER_FILE_NAME, MAX_MARKER_BYTES, parse_marker_data

RUN_SONGS = 100_000
"""Songs that are sorted in memory; if there are more, sorted runs go to the local disk."""

SAMPLED_SONGS = 16
"""Songs by which a run finds out whether it may read a source."""

RUNS_PER_LEVEL = 64
"""Runs that become one of the next level: systems let a process open some hundreds of files."""

_MAX_TIME_NS = (1 << 63) - 1

_BYTES_OF_CONTAINED_SONG = 4_096
"""About the size of a compressed song."""


class ListedSong(NamedTuple):
    """A song as a source lists it: a row of ``PLAN_COLUMNS``.

    A container, an archive or a Parquet file, has a slash at the end of its path, so that its songs follow
    it in the order of paths.
    """

    path: str
    size: int
    mtime_ns: int
    etag: str


def estimated_songs(song: ListedSong) -> int:
    """Return about how many songs a listed song stands for; those of archives are estimated by its size."""
    return 1 + song.size // _BYTES_OF_CONTAINED_SONG if is_container(song) else 1


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
        estimated_songs: about how many songs these are.
        skipped: names of the folders that midiprism made, such as a result, whose songs do not count.
        sample: songs and containers from all parts of the listing, at most ``SAMPLED_SONGS``.

    Raises:
        ObjectStorageError: the source cannot be listed.
        UsageError: midiprism made the source itself.
    """

    def __init__(
        self, storage: ObjectStorage, folder: str, run_songs: int = RUN_SONGS, *, containers: bool = False
    ) -> None:
        self.count = self.estimated_songs = 0
        self.skipped: tuple[str, ...] = ()
        sample: list[ListedSong] = []
        stride = 1
        self._folder = folder
        self._run_count = 0
        self._levels: list[list[str]] = [[]]
        self._last_run: list[ListedSong] = []
        markers: list[ObjectInfo] = []
        for info in storage.list():
            if info.key.rpartition("/")[2] == MARKER_FILE_NAME:
                markers.append(info)
            end = _end_of_path(info, containers=containers)
            if end is None:
                continue
            song = _listed(info, end)
            if self.count % stride == 0:
                sample.append(song)
                if len(sample) > 2 * SAMPLED_SONGS:
                    sample, stride = sample[::2], 2 * stride
            self.count += 1
            self.estimated_songs += estimated_songs(song)
            self._last_run.append(song)
            if len(self._last_run) >= run_songs:
                self._write_run(sorted(self._last_run), 0)
                self._last_run = []
        self._last_run.sort()
        self.skipped = _folders_of_results(storage, markers)
        counted = [song for song in sample if not song.path.startswith(self.skipped)]
        self.sample = counted[:: max(1, -(-len(counted) // SAMPLED_SONGS))]
        if self.skipped:
            estimates = [*map(estimated_songs, self)]
            self.count, self.estimated_songs = len(estimates), sum(estimates)

    def __iter__(self) -> Iterator[ListedSong]:
        paths = [path for level in self._levels for path in level]
        songs = heapq.merge(*map(_read_run, paths), self._last_run)
        if not self.skipped:
            return songs
        return (song for song in songs if not song.path.startswith(self.skipped))

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


def _folders_of_results(storage: ObjectStorage, markers: Iterable[ObjectInfo]) -> tuple[str, ...]:
    """Return the names of the folders that midiprism made, by the objects that may be their markers.

    Raises:
        ObjectStorageError: the store does not answer.
        UsageError: midiprism made the source itself.
    """
    folders: list[str] = []
    for info in markers:
        if not _is_marker(storage, info):
            continue
        folder = info.key.removesuffix(MARKER_FILE_NAME)
        if not folder:
            raise UsageError(
                f"{storage.url} is a result or an exported tree, which midiprism made. It is never read as a "
                "source: name the place of the songs."
            )
        folders.append(folder)
    return tuple(folders)


def _is_marker(storage: ObjectStorage, info: ObjectInfo) -> bool:
    """Return whether midiprism wrote an object of the name of its marker; one that cannot be read is none.

    Raises:
        ObjectStorageError: the store does not answer.
    """
    if info.size > MAX_MARKER_BYTES:
        return False
    try:
        return parse_marker_data(storage.read(ReadRequest(info.key))) is not None
    except ObjectStorageError as error:
        if error.is_transient:
            raise
        return False


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
