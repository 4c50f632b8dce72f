"""Measure how fast a disk does what a run does: create, read and flush small files, commit, write shards.

Each measurement has a share of the time, and ends early on a slow disk; the counts say how much was done.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
from midiprism.advise.probe.synthetic import (
    TRACK_BYTES,
    CommitCost,
    ShardCost,
    measure_commits,
    measure_shards,
)
from midiprism.advise.probe.temp_dir import temp_dir
from midiprism.errors import StoreError
from midiprism.fs.fsync import Flusher
from midiprism.metrics.devices import locate_storage

SONG_BYTES = 15_000

_READ_PROCESS_COUNTS = (1, 8)
_FIRST_BLOCKS, _MAX_BLOCKS = 4, 60

# Shares of the time. The rest is for starting processes, and for removing everything at the end.
_MEASURING_SHARE = 0.80
_CREATING_SHARE = 0.05
_READING_SHARE = 0.04
_WRITING_SHARE = 0.08
_READING_BACK_SHARE = 0.03
_COMMITTING_SHARE = 0.08
_SHARDS_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """The extent of a probe.

    Attributes:
        budget_seconds: time for everything.
        process_counts: numbers of processes that create files concurrently, in this order. The files of the
            first are flushed. 1 means this process.
        max_files: most files of one measurement of creating.
        max_songs: most files that are read.
        folders: folders among which files are distributed.
        block_bytes: size of one write to the large file.
        shard_row_counts: tracks of each Parquet file.
        large_batch: songs of a large commit.
        commit_rounds: most pairs of a small and a large commit.
    """

    budget_seconds: float = 10.0
    process_counts: Sequence[int] = (1, 2, 4, 8)
    max_files: int = 1_000
    max_songs: int = 256
    folders: int = 32
    block_bytes: int = 1 << 20
    shard_row_counts: Sequence[int] = (500, 4_000)
    large_batch: int = 800
    commit_rounds: int = 5


_DEFAULT_OPTIONS = ProbeOptions()


def probe(
    folder: str | os.PathLike[str],
    options: ProbeOptions = _DEFAULT_OPTIONS,
    *,
    create: CreateFile = create_file,
    read: ReadFile = read_file,
    clock: Clock = time.perf_counter,
) -> DiskSpeed:
    """Measure the disk of a folder, in a temporary folder there.

    Args:
        folder: an existing folder on the disk.
        options: how much to measure.
        create: creates a file at a path. It is called in other processes, so it must be a function of a
            module, or an object that can be pickled.
        read: reads the file at a path, likewise.
        clock: of this process.

    Raises:
        StoreError: the folder does not exist or cannot be written.
    """
    path = os.path.abspath(os.fspath(folder))
    if not os.path.isdir(path):
        raise StoreError(f"{path} is not a folder: name one that exists, or create it.")
    processes = max(options.process_counts)
    try:
        with temp_dir(path) as work, ExitStack() as stack:
            workers = stack.enter_context(IoWorkers(processes, create, read)) if processes > 1 else None
            return _Probe(work, options, create, read, workers, clock).measure(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be measured: {error.strerror or error}.") from error


class _Probe:
    """The measurements of one probe, in its temporary folder."""

    def __init__(
        self,
        folder: str,
        options: ProbeOptions,
        create: CreateFile,
        read: ReadFile,
        workers: IoWorkers | None,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._options = options
        self._create = create
        self._read = read
        self._workers = workers
        self._clock = clock
        self._started = clock()
        self._deadline = self._started + _MEASURING_SHARE * options.budget_seconds
        self._flusher = Flusher(folder)
        self._counts: dict[str, int] = {}

    def measure(self, path: str) -> DiskSpeed:
        """Measure everything that there is time for.

        Args:
            path: the folder that the result names.
        """
        free, location = free_space(path), locate_storage(path)
        for number in range(self._options.folders):
            os.mkdir(os.path.join(self._folder, f"{number:02x}"))
        songs = self._write_songs()
        self._flush()  # the songs, and unwritten data of other programs, which must not be counted
        first, *others = self._options.process_counts
        create_us = {first: self._measure_creates(first)}
        flush_files, flush_ms = self._counts[f"creates_{first}"], self._flush() * 1e3
        reads_cached, read_us = self._measure_reads(songs)
        # These files are not flushed: unflushed files are removed in a fraction of the time.
        for processes in others:
            if self._seconds_for(_CREATING_SHARE) > 0:
                create_us[processes] = self._measure_creates(processes)
        sequential = self._measure_sequential()
        commits, shards = self._measure_commits(), self._measure_shards()
        return DiskSpeed(
            location=location,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            free_bytes=free.free_bytes,
            free_inodes=free.inodes,
            create_us=create_us,
            read_us=read_us,
            reads_cached=reads_cached or location.kind == "memory",
            flush_ms=flush_ms,
            flush_files=flush_files,
            sequential_mb_s=sequential,
            commit_us_each=commits.microseconds_per_link if commits else None,
            commit_ms=commits.fixed_milliseconds if commits else None,
            shard_us=shards.microseconds_per_track if shards else None,
            counts=self._counts,
            seconds=self._clock() - self._started,
        )

    def _seconds_for(self, share: float) -> float:
        """Return the time for a measurement with this share; 0 or less if none is left."""
        return min(share * self._options.budget_seconds, self._deadline - self._clock())

    def _write_songs(self) -> list[str]:
        """Create files to read, and return their paths."""
        data = os.urandom(SONG_BYTES)
        paths = self._paths("song", 1, self._options.max_songs)[0]
        seconds = self._seconds_for(_READING_SHARE)
        timing = run_timed(lambda path: create_file(path, data), paths, seconds, self._clock)
        self._remember_for_flush(paths[: timing.files])
        return paths[: timing.files]

    def _measure_creates(self, processes: int) -> float:
        """Return the microseconds per file that each of some processes takes."""
        data, seconds = os.urandom(TRACK_BYTES), self._seconds_for(_CREATING_SHARE)
        parts = self._paths(f"track-{processes}", processes, self._options.max_files)
        if processes == 1 or self._workers is None:
            timings = [run_timed(lambda path: self._create(path, data), parts[0], seconds, self._clock)]
        else:
            timings = self._workers.create_files(parts, data, seconds)
        self._counts[f"creates_{processes}"] = sum(timing.files for timing in timings)
        for part, timing in zip(parts, timings, strict=True):
            self._remember_for_flush(part[: timing.files])
        return _microseconds_per_file(timings)

    def _measure_reads(self, songs: Sequence[str]) -> tuple[bool, dict[int, float]]:
        """Return whether contents came from memory, and microseconds per file by the number of processes."""
        most = max(self._options.process_counts)
        read_us: dict[int, float] = {}
        cached = False
        for processes in sorted({min(count, most) for count in _READ_PROCESS_COUNTS}):
            seconds = self._seconds_for(_READING_SHARE)
            if seconds <= 0:
                break
            cached = sum(map(_drop_from_cache, songs)) < len(songs)
            parts = [part for part in (songs[number::processes] for number in range(processes)) if part]
            if processes == 1 or self._workers is None:
                timings = [run_timed(self._read, parts[0], seconds, self._clock)]
            else:
                timings = self._workers.read_files(parts, seconds)
            self._counts[f"reads_{processes}"] = sum(timing.files for timing in timings)
            read_us[processes] = _microseconds_per_file(timings)
        return cached, read_us

    def _measure_sequential(self) -> SequentialSpeed | None:
        """Write and read one large file.

        A flush cannot be interrupted. So a small file is written first, to estimate how large the file may
        be.
        """
        if self._seconds_for(_WRITING_SHARE) <= 0:
            return None
        block_bytes = self._options.block_bytes
        path, block = os.path.join(self._folder, "large"), os.urandom(block_bytes)
        blocks, seconds = _FIRST_BLOCKS, self._write_blocks(path, block, _FIRST_BLOCKS)
        seconds_left = self._seconds_for(_WRITING_SHARE) - seconds
        affordable = min(_MAX_BLOCKS, int(blocks * seconds_left / max(seconds, 1e-9)))
        if affordable >= _FIRST_BLOCKS:
            blocks, seconds = affordable, self._write_blocks(path, block, affordable)
        self._counts["sequential_mb"] = blocks * block_bytes // 1_000_000
        _drop_from_cache(path)
        return SequentialSpeed(
            write=blocks * block_bytes / 1e6 / max(seconds, 1e-9),
            read=self._read_back(path, self._seconds_for(_READING_BACK_SHARE)),
        )

    def _write_blocks(self, path: str, block: bytes, blocks: int) -> float:
        started = self._clock()
        with open(path, "wb", buffering=0) as file:
            for _ in range(blocks):
                file.write(block)
            os.fsync(file.fileno())
        return self._clock() - started

    def _read_back(self, path: str, seconds: float) -> float:
        """Return the MB/s of reading a file for at most ``seconds``."""
        started, size = self._clock(), 0
        with open(path, "rb", buffering=0) as file:
            while data := file.read(self._options.block_bytes):
                size += len(data)
                if self._clock() - started > seconds:
                    break
        return size / 1e6 / max(self._clock() - started, 1e-9)

    def _measure_commits(self) -> CommitCost | None:
        seconds = self._seconds_for(_COMMITTING_SHARE)
        if seconds <= 0:
            return None
        cost = measure_commits(
            os.path.join(self._folder, "catalog.sqlite"),
            seconds,
            self._clock,
            large_batch=self._options.large_batch,
            max_rounds=self._options.commit_rounds,
        )
        self._counts["commits"] = cost.commits
        return cost

    def _measure_shards(self) -> ShardCost | None:
        seconds = self._seconds_for(_SHARDS_SHARE)
        if seconds <= 0:
            return None
        cost = measure_shards(self._folder, seconds, self._clock, self._options.shard_row_counts)
        self._counts["shard_tracks"] = cost.tracks if cost else 0
        return cost

    def _paths(self, name: str, parts: int, count: int) -> list[list[str]]:
        """Return paths for several processes, each distributed among all folders, as in a result."""
        folders = self._options.folders
        return [
            [
                os.path.join(self._folder, f"{(part + number) % folders:02x}", f"{name}-{part}-{number}")
                for number in range(max(1, count // parts))
            ]
            for part in range(parts)
        ]

    def _remember_for_flush(self, paths: Sequence[str]) -> None:
        if self._flusher.needs_paths:
            for path in paths:
                self._flusher.add_file(path)

    def _flush(self) -> float:
        """Make everything durable, and return the seconds that this took."""
        started = self._clock()
        self._flusher.flush()
        return self._clock() - started


def _microseconds_per_file(timings: Sequence[IoTiming]) -> float:
    """Return the time per file of one process, from the first process's start to the last one's end."""
    seconds = max(timing.ended for timing in timings) - min(timing.started for timing in timings)
    return len(timings) * seconds * 1e6 / sum(timing.files for timing in timings)


def _drop_from_cache(path: str) -> bool:
    """Make the system forget the contents of a flushed file; return whether it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return True
