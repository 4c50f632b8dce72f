"""How fast a place is at what a run does there: creating, reading and flushing small files, and the rest.

Every measurement has its share of the time, and ends early where a place is slow; how far each came is told.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from midiprism.advise.crew import Clock, Create, Crew, Read, Turn, create_file, in_turn, read_file
from midiprism.advise.places import Figures, Sequential, free_room
from midiprism.advise.rows import TRACK_BYTES, measured_commits, measured_shards
from midiprism.advise.scratch import scratch
from midiprism.errors import StoreError
from midiprism.meter.devices import place_of
from midiprism.store.durable import Flusher

BUDGET_SECONDS = 10.0
AT_ONCE = (1, 2, 4, 8)
SONG_BYTES = 15_000

_READ_AT_ONCE = (1, 8)
_FOLDERS = 32
_FILES = 1_000
_SONGS = 256
_BLOCK = 1 << 20
_BLOCKS_FIRST, _BLOCKS = 4, 60

# Shares of the time. What is left of it goes by in starting processes, and in removing all at the end.
_MEASURING = 0.80
_CREATING = 0.05
_READING = 0.04
_WRITING = 0.08
_READING_BACK = 0.03
_COMMITTING = 0.08
_SHARDS = 0.08


def probe(
    folder: str | os.PathLike[str],
    *,
    create: Create | None = None,
    read: Read | None = None,
    budget: float = BUDGET_SECONDS,
    at_once: Sequence[int] = AT_ONCE,
    clock: Clock = time.perf_counter,
) -> Figures:
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
        with scratch(place) as work, ExitStack() as stack:
            own = create or create_file, read or read_file
            crew = stack.enter_context(Crew(max(at_once), *own)) if max(at_once) > 1 else None
            probing = _Probe(work, *own, crew, budget, clock)
            return probing.figures(place, at_once)
    except OSError as error:
        raise StoreError(f"{place} cannot be measured: {error.strerror or error}.") from error


class _Probe:
    """One probe in its folder."""

    def __init__(
        self, work: str, create: Create, read: Read, crew: Crew | None, budget: float, clock: Clock
    ) -> None:
        self._work = work
        self._create = create
        self._read = read
        self._crew = crew
        self._budget = budget
        self._clock = clock
        self._began = clock()
        self._ends = self._began + _MEASURING * budget
        self._flusher = Flusher(work)
        self._counts: dict[str, int] = {}

    def figures(self, place: str, at_once: Sequence[int]) -> Figures:
        free_bytes, free_inodes = free_room(place)
        where = place_of(place)
        for number in range(_FOLDERS):
            os.mkdir(os.path.join(self._work, f"{number:02x}"))
        songs = self._songs()
        self._flush()  # the songs, and what others have left to be written, which is not to be counted
        first, *others = at_once
        create_us = {first: self._created(first)}
        flushed, flush_ms = self._counts[f"creates_{first}"], self._flush() * 1e3
        cached, read_us = self._reads(songs, sorted({min(most, max(at_once)) for most in _READ_AT_ONCE}))
        # Files that are not flushed before they are removed are removed in a fraction of the time.
        for processes in others:
            if self._left(_CREATING) > 0:
                create_us[processes] = self._created(processes)
        sequential = self._sequential()
        commits = shards = None
        if self._left(_COMMITTING) > 0:
            path = os.path.join(self._work, "catalog.sqlite")
            commits = measured_commits(path, self._left(_COMMITTING), self._clock)
            self._counts["commits"] = commits.commits
        if self._left(_SHARDS) > 0:
            shards = measured_shards(self._work, self._left(_SHARDS), self._clock)
            self._counts["shard_tracks"] = shards.tracks if shards else 0
        return Figures(
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
            commit_us_each=commits.microseconds_each if commits else None,
            commit_ms=commits.milliseconds if commits else None,
            shard_us=shards.microseconds_each if shards else None,
            counts=self._counts,
            seconds=self._clock() - self._began,
        )

    def _left(self, share: float) -> float:
        """Seconds for what has this share of the time; 0 or less where nothing is left of it."""
        return min(share * self._budget, self._ends - self._clock())

    def _songs(self) -> list[str]:
        """Paths of files to read, which are there."""
        data = os.urandom(SONG_BYTES)
        paths = self._paths("song", 1, _SONGS)[0]
        turn = in_turn(lambda path: create_file(path, data), paths, self._left(_READING), self._clock)
        self._note(paths[: turn.files])
        return paths[: turn.files]

    def _created(self, processes: int) -> float:
        """Microseconds by so many at once."""
        data, seconds = os.urandom(TRACK_BYTES), self._left(_CREATING)
        parts = self._paths(f"track-{processes}", processes, _FILES)
        if processes == 1 or self._crew is None:
            turns = [in_turn(lambda path: self._create(path, data), parts[0], seconds, self._clock)]
        else:
            turns = self._crew.create(parts, data, seconds)
        self._counts[f"creates_{processes}"] = sum(turn.files for turn in turns)
        for part, turn in zip(parts, turns, strict=True):
            self._note(part[: turn.files])
        return _microseconds(turns)

    def _reads(self, songs: Sequence[str], at_once: Sequence[int]) -> tuple[bool, dict[int, float]]:
        """Whether contents come from memory, and microseconds by how many at once."""
        found: dict[int, float] = {}
        cached = False
        for processes in at_once:
            seconds = self._left(_READING)
            if seconds <= 0:
                break
            cached = sum(map(_forgotten, songs)) < len(songs)
            parts = [part for part in (songs[number::processes] for number in range(processes)) if part]
            if processes == 1 or self._crew is None:
                turns = [in_turn(self._read, parts[0], seconds, self._clock)]
            else:
                turns = self._crew.read(parts, seconds)
            self._counts[f"reads_{processes}"] = sum(turn.files for turn in turns)
            found[processes] = _microseconds(turns)
        return cached, found

    def _sequential(self) -> Sequential | None:
        """One file, first a small one: a flush cannot be ended, so how much it will be has to be known."""
        seconds = self._left(_WRITING)
        if seconds <= 0:
            return None
        path, block = os.path.join(self._work, "large"), os.urandom(_BLOCK)
        blocks, took = _BLOCKS_FIRST, self._written(path, block, _BLOCKS_FIRST)
        more = min(_BLOCKS, int(blocks * (self._left(_WRITING) - took) / max(took, 1e-9)))
        if more >= _BLOCKS_FIRST:
            blocks, took = more, self._written(path, block, more)
        self._counts["sequential_mb"] = blocks * _BLOCK // 1_000_000
        _forgotten(path)
        return Sequential(
            blocks * _BLOCK / 1e6 / max(took, 1e-9), self._read_back(path, self._left(_READING_BACK))
        )

    def _written(self, path: str, block: bytes, blocks: int) -> float:
        began = self._clock()
        with open(path, "wb", buffering=0) as file:
            for _ in range(blocks):
                file.write(block)
            os.fsync(file.fileno())
        return self._clock() - began

    def _read_back(self, path: str, seconds: float) -> float:
        began, count = self._clock(), 0
        with open(path, "rb", buffering=0) as file:
            while part := file.read(_BLOCK):
                count += len(part)
                if self._clock() - began > seconds:
                    break
        return count / 1e6 / max(self._clock() - began, 1e-9)

    def _paths(self, name: str, parts: int, count: int) -> list[list[str]]:
        """Names of files for several at once; all folders get some of each, as those of a result do."""
        return [
            [
                os.path.join(self._work, f"{(part + number) % _FOLDERS:02x}", f"{name}-{part}-{number}")
                for number in range(max(1, count // parts))
            ]
            for part in range(parts)
        ]

    def _note(self, paths: Sequence[str]) -> None:
        if self._flusher.remembers:
            for path in paths:
                self._flusher.note(path)

    def _flush(self) -> float:
        began = self._clock()
        self._flusher.flush()
        return self._clock() - began


def _microseconds(turns: Sequence[Turn]) -> float:
    """Of each file as each of them sees it: from the first that began to the last that ended."""
    seconds = max(turn.ended for turn in turns) - min(turn.began for turn in turns)
    return len(turns) * seconds * 1e6 / sum(turn.files for turn in turns)


def _forgotten(path: str) -> bool:
    """Have the system forget the contents of a file that was flushed; whether it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return True
