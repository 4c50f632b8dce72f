"""How fast a place is at what a run does there: creating, reading and flushing small files, and the rest.

Every measurement has its share of the time, and ends early where a place is slow; how far each came is told.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from midiprism.advise.probe.disk_results import DiskSpeed, SequentialSpeed, free_space
from midiprism.advise.probe.io_workers import (
    Clock,
    CreateFile,
    IoTiming,
    IoWorkers,
    ReadFile,
    create_file,
    read_file,
    run_timed,
)
from midiprism.advise.probe.synthetic import TRACK_BYTES, measure_commits, measure_shards
from midiprism.advise.probe.temp_dir import temp_dir
from midiprism.errors import StoreError
from midiprism.fs.fsync import Flusher
from midiprism.metrics.devices import locate_storage

BUDGET_SECONDS = 10.0
PROCESS_COUNTS = (1, 2, 4, 8)
SONG_BYTES = 15_000

_READ_PROCESS_COUNTS = (1, 8)
_FOLDER_COUNT = 32
_MAX_FILES = 1_000
_MAX_SONGS = 256
_BLOCK_BYTES = 1 << 20
_FIRST_BLOCKS, _MAX_BLOCKS = 4, 60

# Shares of the time. What is left of it goes by in starting processes, and in removing all at the end.
_MEASURING_SHARE = 0.80
_CREATING_SHARE = 0.05
_READING_SHARE = 0.04
_WRITING_SHARE = 0.08
_READING_BACK_SHARE = 0.03
_COMMITTING_SHARE = 0.08
_SHARDS_SHARE = 0.08


def probe(
    folder: str | os.PathLike[str],
    *,
    create: CreateFile | None = None,
    read: ReadFile | None = None,
    budget_seconds: float = BUDGET_SECONDS,
    process_counts: Sequence[int] = PROCESS_COUNTS,
    clock: Clock = time.perf_counter,
) -> DiskSpeed:
    """Measure a place, in a folder of its own there that is removed at the end.

    Args:
        folder: in the place; it exists.
        create: creates a file of these bytes at a path, instead of by plain system calls. It is called in
            other processes, so it must be a function of a module, or an object that can be pickled.
        read: reads the file at a path, likewise.
        budget: seconds for all.
        at_once: how many processes create files at once, in this order. What the first created is flushed. As
            many as the largest also read. 1 is this process itself.
        clock: of this process.

    Raises:
        StoreError: the folder cannot be written.
    """
    place = os.path.abspath(os.fspath(folder))
    if not os.path.isdir(place):
        raise StoreError(f"{place} is not a folder that is there: name one, or make it.")
    try:
        with temp_dir(place) as work, ExitStack() as stack:
            own = create or create_file, read or read_file
            crew = (
                stack.enter_context(IoWorkers(max(process_counts), *own)) if max(process_counts) > 1 else None
            )
            probing = _Probe(work, *own, crew, budget_seconds, clock)
            return probing.measure(place, process_counts)
    except OSError as error:
        raise StoreError(f"{place} cannot be measured: {error.strerror or error}.") from error


class _Probe:
    """One probe in its folder."""

    def __init__(
        self,
        folder: str,
        create: CreateFile,
        read: ReadFile,
        workers: IoWorkers | None,
        budget_seconds: float,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._create = create
        self._read = read
        self._workers = workers
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._started = clock()
        self._deadline = self._started + _MEASURING_SHARE * budget_seconds
        self._flusher = Flusher(folder)
        self._counts: dict[str, int] = {}

    def measure(self, place: str, process_counts: Sequence[int]) -> DiskSpeed:
        free_bytes, free_inodes = free_space(place)
        where = locate_storage(place)
        for number in range(_FOLDER_COUNT):
            os.mkdir(os.path.join(self._folder, f"{number:02x}"))
        songs = self._write_songs()
        self._flush()  # the songs, and what others have left to be written, which is not to be counted
        first, *others = process_counts
        create_us = {first: self._measure_creates(first)}
        flushed, flush_ms = self._counts[f"creates_{first}"], self._flush() * 1e3
        cached, read_us = self._measure_reads(
            songs, sorted({min(most, max(process_counts)) for most in _READ_PROCESS_COUNTS})
        )
        # Files that are not flushed before they are removed are removed in a fraction of the time.
        for processes in others:
            if self._seconds_for(_CREATING_SHARE) > 0:
                create_us[processes] = self._measure_creates(processes)
        sequential = self._measure_sequential()
        commits = shards = None
        if self._seconds_for(_COMMITTING_SHARE) > 0:
            path = os.path.join(self._folder, "catalog.sqlite")
            commits = measure_commits(path, self._seconds_for(_COMMITTING_SHARE), self._clock)
            self._counts["commits"] = commits.commits
        if self._seconds_for(_SHARDS_SHARE) > 0:
            shards = measure_shards(self._folder, self._seconds_for(_SHARDS_SHARE), self._clock)
            self._counts["shard_tracks"] = shards.tracks if shards else 0
        return DiskSpeed(
            place=where,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            free_bytes=free_bytes,
            free_inodes=free_inodes,
            create_us=create_us,
            read_us=read_us,
            reads_cached=cached or where.kind == "memory",
            flush_ms=flush_ms,
            flush_files=flushed,
            sequential_mb_s=sequential,
            commit_us_each=commits.microseconds_per_link if commits else None,
            commit_ms=commits.fixed_milliseconds if commits else None,
            shard_us=shards.microseconds_per_track if shards else None,
            counts=self._counts,
            seconds=self._clock() - self._started,
        )

    def _seconds_for(self, share: float) -> float:
        """Seconds for what has this share of the time; 0 or less where nothing is left of it."""
        return min(share * self._budget_seconds, self._deadline - self._clock())

    def _write_songs(self) -> list[str]:
        """Paths of files to read, which are there."""
        data = os.urandom(SONG_BYTES)
        paths = self._paths("song", 1, _MAX_SONGS)[0]
        turn = run_timed(
            lambda path: create_file(path, data), paths, self._seconds_for(_READING_SHARE), self._clock
        )
        self._remember_for_flush(paths[: turn.files])
        return paths[: turn.files]

    def _measure_creates(self, processes: int) -> float:
        """Microseconds by so many at once."""
        data, seconds = os.urandom(TRACK_BYTES), self._seconds_for(_CREATING_SHARE)
        parts = self._paths(f"track-{processes}", processes, _MAX_FILES)
        if processes == 1 or self._workers is None:
            turns = [run_timed(lambda path: self._create(path, data), parts[0], seconds, self._clock)]
        else:
            turns = self._workers.create_files(parts, data, seconds)
        self._counts[f"creates_{processes}"] = sum(turn.files for turn in turns)
        for part, turn in zip(parts, turns, strict=True):
            self._remember_for_flush(part[: turn.files])
        return _microseconds_per_file(turns)

    def _measure_reads(
        self, songs: Sequence[str], process_counts: Sequence[int]
    ) -> tuple[bool, dict[int, float]]:
        """Whether contents come from memory, and microseconds by how many at once."""
        found: dict[int, float] = {}
        cached = False
        for processes in process_counts:
            seconds = self._seconds_for(_READING_SHARE)
            if seconds <= 0:
                break
            cached = sum(map(_drop_cached, songs)) < len(songs)
            parts = [part for part in (songs[number::processes] for number in range(processes)) if part]
            if processes == 1 or self._workers is None:
                turns = [run_timed(self._read, parts[0], seconds, self._clock)]
            else:
                turns = self._workers.read_files(parts, seconds)
            self._counts[f"reads_{processes}"] = sum(turn.files for turn in turns)
            found[processes] = _microseconds_per_file(turns)
        return cached, found

    def _measure_sequential(self) -> SequentialSpeed | None:
        """One file, first a small one: a flush cannot be ended, so how much it will be has to be known."""
        seconds = self._seconds_for(_WRITING_SHARE)
        if seconds <= 0:
            return None
        path, block = os.path.join(self._folder, "large"), os.urandom(_BLOCK_BYTES)
        blocks, took = _FIRST_BLOCKS, self._write_blocks(path, block, _FIRST_BLOCKS)
        more = min(_MAX_BLOCKS, int(blocks * (self._seconds_for(_WRITING_SHARE) - took) / max(took, 1e-9)))
        if more >= _FIRST_BLOCKS:
            blocks, took = more, self._write_blocks(path, block, more)
        self._counts["sequential_mb"] = blocks * _BLOCK_BYTES // 1_000_000
        _drop_cached(path)
        return SequentialSpeed(
            blocks * _BLOCK_BYTES / 1e6 / max(took, 1e-9),
            self._read_back(path, self._seconds_for(_READING_BACK_SHARE)),
        )

    def _write_blocks(self, path: str, block: bytes, blocks: int) -> float:
        began = self._clock()
        with open(path, "wb", buffering=0) as file:
            for _ in range(blocks):
                file.write(block)
            os.fsync(file.fileno())
        return self._clock() - began

    def _read_back(self, path: str, seconds: float) -> float:
        began, count = self._clock(), 0
        with open(path, "rb", buffering=0) as file:
            while part := file.read(_BLOCK_BYTES):
                count += len(part)
                if self._clock() - began > seconds:
                    break
        return count / 1e6 / max(self._clock() - began, 1e-9)

    def _paths(self, name: str, parts: int, count: int) -> list[list[str]]:
        """Names of files for several at once; all folders get some of each, as those of a result do."""
        return [
            [
                os.path.join(
                    self._folder, f"{(part + number) % _FOLDER_COUNT:02x}", f"{name}-{part}-{number}"
                )
                for number in range(max(1, count // parts))
            ]
            for part in range(parts)
        ]

    def _remember_for_flush(self, paths: Sequence[str]) -> None:
        if self._flusher.needs_paths:
            for path in paths:
                self._flusher.add_file(path)

    def _flush(self) -> float:
        began = self._clock()
        self._flusher.flush()
        return self._clock() - began


def _microseconds_per_file(turns: Sequence[IoTiming]) -> float:
    """Of each file as each of them sees it: from the first that began to the last that ended."""
    seconds = max(turn.ended for turn in turns) - min(turn.started for turn in turns)
    return len(turns) * seconds * 1e6 / sum(turn.files for turn in turns)


def _drop_cached(path: str) -> bool:
    """Have the system forget the contents of a file that was flushed; whether it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return True
