"""The songs of a source, listed and sorted by path, in memory that does not grow with their number."""

import heapq
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.objects import ObjectInfo, ObjectStorage
from midiprism.sources.file_types import is_junk_member, is_midi_name

RUN_SONGS = 100_000
"""Songs that are sorted in memory; if there are more, sorted runs go to the local disk."""

_MAX_TIME_NS = (1 << 63) - 1


class ListedSong(NamedTuple):
    """A song as a source lists it: a row of ``PLAN_COLUMNS``."""

    path: str
    size: int
    mtime_ns: int
    etag: str


class SortedListing:
    """The songs of a source in the order of their paths; can be iterated several times.

    Args:
        storage: the source.
        folder: for sorted runs.
        run_songs: see ``RUN_SONGS``.

    Attributes:
        count: number of songs.

    Raises:
        ObjectStorageError: the source cannot be listed.
    """

    def __init__(self, storage: ObjectStorage, folder: str, run_songs: int = RUN_SONGS) -> None:
        self.count = 0
        self._paths: list[str] = []
        self._last_run: list[ListedSong] = []
        for info in storage.list():
            if not _is_song(info):
                continue
            self.count += 1
            self._last_run.append(_listed(info))
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


def _is_song(info: ObjectInfo) -> bool:
    """Return whether an object is a song by its name; empty objects, such as those of folders, are none."""
    path = info.key.encode()
    return info.size > 0 and is_midi_name(path) and not is_junk_member(path)


def _listed(info: ObjectInfo) -> ListedSong:
    mtime_ns = int(info.modified.timestamp() * 1_000_000) * 1_000
    return ListedSong(info.key, info.size, max(0, min(mtime_ns, _MAX_TIME_NS)), info.etag)
