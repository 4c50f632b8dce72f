"""Whether a library that another program keeps can be taken over, and what that takes. Nothing is written."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from blake3 import blake3

from midiprism.adopt.db.foreign_reader import ForeignFile, ForeignLibrary
from midiprism.adopt.db.foreign_schema import ForeignSchema
from midiprism.adopt.db.preflight_queries import (
    ForeignCounts,
    OwnCatalog,
    Privilege,
    read_foreign_counts,
    read_own_catalog,
    read_privileges,
    read_sample_files,
    read_track_sizes,
)
from midiprism.catalog import CURRENT_VERSION, PostgresAddress
from midiprism.results.result_dir import read_identity
from midiprism.smf.types import Limits
from midiprism.sources.path_map import PathMap
from midiprism.sources.read_file import read_file
from midiprism.sources.source import UnreadableError

FILE_SAMPLE_SIZE = 1_000
"""Most files of each kind of which it is asked whether they are there."""
HASH_SAMPLE_SIZE = 100
"""Most songs whose content is compared with their content_hash."""
MAX_EXAMPLES = 100

_DEFAULT_BLOCK_BYTES = 4_096
_REPORT_SECONDS = 0.1
_MAX_INPUT_BYTES = Limits().input_bytes
_OTHER_HASHES: dict[str, Callable[[bytes], bytes]] = {
    "SHA-256": lambda data: hashlib.sha256(data).digest(),
    "SHA-512": lambda data: hashlib.sha512(data).digest(),
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "BLAKE2b-256": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
    "BLAKE2s": lambda data: hashlib.blake2s(data).digest(),
    "the hex digits of BLAKE3": lambda data: blake3(data).hexdigest().encode(),
}


class PreflightProgress(NamedTuple):
    """How far a check is.

    Attributes:
        stage: what it is at, in words.
        seen: of ``total``, how many it has seen.
        total: None where nobody knows.
        seconds: since it began.
    """

    stage: str
    seen: int
    total: int | None
    seconds: float


@dataclass(slots=True)
class FileSample:
    """Which files of a sample are where they are said to be.

    Attributes:
        sampled: how many were looked for.
        missing: paths of those that are not there.
    """

    sampled: int = 0
    missing: list[bytes] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        examples = [os.fsdecode(path) for path in self.missing[:MAX_EXAMPLES]]
        return {"sampled": self.sampled, "missing": len(self.missing), "examples": examples}


@dataclass(slots=True)
class HashCheck:
    """Whether ``content_hash`` is the BLAKE3 of songs.

    Attributes:
        checked: how many songs were read.
        wrong: paths of those whose BLAKE3 it is not.
        instead: what it is of all of those, if anybody can tell.
    """

    checked: int = 0
    mismatched: list[bytes] = field(default_factory=list)
    actual_hash: str | None = None

    def as_dict(self) -> dict[str, Any]:
        examples = [os.fsdecode(path) for path in self.mismatched[:MAX_EXAMPLES]]
        return {
            "checked": self.checked,
            "wrong": len(self.mismatched),
            "instead": self.actual_hash,
            "examples": examples,
        }


class SpaceEstimate(NamedTuple):
    """What splitting the rest needs on the disk of the result.

    Attributes:
        bytes: in whole blocks.
        files: how many, which is inodes.
        basis: what that is estimated from.
        free_bytes: what is there; None where no folder was named, or nobody knows.
        free_files: likewise; None too where the file system counts none.
    """

    bytes: int
    files: int
    basis: str
    free_bytes: int | None
    free_files: int | None

    @property
    def enough(self) -> bool:
        short_of_bytes = self.free_bytes is not None and self.free_bytes < self.bytes
        return not (short_of_bytes or (self.free_files is not None and self.free_files < self.files))


@dataclass(slots=True)
class PreflightReport:
    """What a check found. What could not be looked at, since the tables are not of the shape, is None."""

    address: PostgresAddress
    foreign_schema: ForeignSchema
    counts: ForeignCounts | None = None
    rights: list[Privilege] = field(default_factory=list)
    songs: FileSample = field(default_factory=FileSample)
    tracks: FileSample = field(default_factory=FileSample)
    hash_check: HashCheck = field(default_factory=HashCheck)
    space: SpaceEstimate | None = None
    own_catalog: OwnCatalog | None = None
    stopped: bool = False
    seconds: float = 0.0

    @property
    def obstacles(self) -> list[str]:
        """Why it cannot be taken over as it is, one sentence each."""
        return [*self.foreign_schema.faults, *self._find_obstacles()]

    @property
    def ok(self) -> bool:
        return not self.obstacles and not self.stopped

    def _find_obstacles(self) -> Iterator[str]:
        for column in self.foreign_schema.extra_columns:
            if column.required:
                yield f"{column.table}: no row can be added without {column.name}, which has no default."
        for right in self.rights:
            if right.needed_for == "adopt" and not right.granted:
                yield f"The role lacks: {right.name}."
        if self.counts is None:
            return
        if self.own_catalog is not None and self.own_catalog.version not in (None, CURRENT_VERSION):
            yield (
                f"The catalogue in schema {self.address.schema} is of version {self.own_catalog.version}, and this "
                f"midiprism works with {CURRENT_VERSION}: see `midiprism catalog upgrade`."
            )
        if self.counts.songs and not self.hash_check.checked and not self.stopped:
            yield "None of the songs in the sample can be read, so that no content_hash could be checked."
        if self.hash_check.mismatched:
            what = f"; it is {self.hash_check.actual_hash}" if self.hash_check.actual_hash else ""
            yield (
                f"content_hash is not the BLAKE3 of {len(self.hash_check.mismatched):,} of {self.hash_check.checked:,} "
                f"songs, such as {os.fsdecode(self.hash_check.mismatched[0])}{what}."
            )

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        return {
            "ok": self.ok,
            "state": "interrupted" if self.stopped else "done",
            "database": str(self.address),
            "obstacles": self.obstacles,
            "tables": dict(self.foreign_schema.schemas),
            "further_columns": [column._asdict() for column in self.foreign_schema.extra_columns],
            "triggers": [trigger._asdict() for trigger in self.foreign_schema.triggers],
            "counts": self.counts._asdict() if self.counts else None,
            "rights": [right._asdict() for right in self.rights],
            "songs": self.songs.as_dict(),
            "splits": self.tracks.as_dict(),
            "content_hash": self.hash_check.as_dict(),
            "room": {**self.space._asdict(), "enough": self.space.enough} if self.space else None,
            "own_catalog": self.own_catalog._asdict() if self.own_catalog else None,
            "seconds": round(self.seconds, 3),
        }


def run_preflight(
    address: PostgresAddress,
    path_map: PathMap,
    out: str | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    listener: Callable[[PreflightProgress], None] | None = None,
) -> PreflightReport:
    """Look at a library that another program keeps; only reads.

    Args:
        address: of its database, and of the schema for our tables.
        paths: where its files are.
        out: the folder of the result to be; None where that is not decided.
        stop: once true, the check ends as soon as it can.
        listener: is told how far it is.

    Raises:
        UsageError: ``out`` cannot be the folder of a result.
        CatalogError: the database cannot be read.
    """
    if out is not None:
        read_identity(out)
    with ForeignLibrary(address) as library:
        return _Preflight(library, path_map, stop, listener).run(out)


class _Preflight:
    """A check under way."""

    def __init__(
        self,
        library: ForeignLibrary,
        path_map: PathMap,
        stop: Callable[[], bool],
        listener: Callable[[PreflightProgress], None] | None,
    ) -> None:
        self._library = library
        self._path_map = path_map
        self._stop = stop
        self._listener = listener
        self._started = time.perf_counter()
        self._last_report_seconds = -_REPORT_SECONDS
        self._preflight_report = PreflightReport(library.address, library.schema)

    def run(self, out: str | None) -> PreflightReport:
        found = self._preflight_report
        readable = {f"SELECT on {table}" for table in found.foreign_schema.schemas}
        if found.foreign_schema.recognised:
            found.rights = read_privileges(self._library)
            readable -= {right.name for right in found.rights if right.granted}
        if found.foreign_schema.recognised and not readable:
            for step in (self._count_rows, self._find_missing_files, self._check_hashes):
                if not self._stop():
                    step()
            if found.counts is not None:
                found.space = self._estimate_space(found.counts, out)
        found.stopped = self._stop()
        found.seconds = time.perf_counter() - self._started
        return found

    def _count_rows(self) -> None:
        self._report_progress("counting rows", 0, None)
        self._preflight_report.counts = read_foreign_counts(self._library)
        self._preflight_report.own_catalog = read_own_catalog(self._library)

    def _find_missing_files(self) -> None:
        """Whether the files of a sample are there."""
        self._song_sample = read_sample_files(self._library, "songs", FILE_SAMPLE_SIZE)
        splits = read_sample_files(self._library, "splits", FILE_SAMPLE_SIZE)
        for looked, files in (
            (self._preflight_report.songs, self._song_sample),
            (self._preflight_report.tracks, splits),
        ):
            for path in self._local_paths("looking for files", files):
                looked.sampled += 1
                if not os.path.isfile(path):
                    looked.missing.append(path)

    def _check_hashes(self) -> None:
        """Whether ``content_hash`` is what it should be."""
        hashes = self._preflight_report.hash_check
        guesses: set[str] | None = None
        for file in self._song_sample:
            if self._stop() or hashes.checked == HASH_SAMPLE_SIZE:
                break
            path = self._path_map.to_local(file.path)
            try:
                content = read_file(path, _MAX_INPUT_BYTES)
            except UnreadableError:
                continue
            hashes.checked += 1
            self._report_progress(
                "songs digested", hashes.checked, min(HASH_SAMPLE_SIZE, len(self._song_sample))
            )
            if content.digest != file.content_hash:
                hashes.mismatched.append(path)
                fits = _matching_hashes(file.content_hash, content.data)
                guesses = fits if guesses is None else guesses & fits
        hashes.actual_hash = min(guesses) if guesses else None

    def _local_paths(self, stage: str, files: Sequence[ForeignFile]) -> Iterator[bytes]:
        for number, file in enumerate(files):
            if self._stop():
                return
            self._report_progress(stage, number, len(files))
            yield self._path_map.to_local(file.path)

    def _estimate_space(self, counts: ForeignCounts, out: str | None) -> SpaceEstimate:
        """What the songs that are left will take."""
        left = counts.songs - counts.already_split
        free_bytes, free_files, block = _free_space(out)
        sizes = read_track_sizes(self._library, block)
        if sizes.songs and sizes.files:
            basis = f"what the {sizes.files:,} splits of {sizes.songs:,} songs in track_splits take"
            needed = -(-left * sizes.disk_blocks * block // sizes.songs)
            return SpaceEstimate(needed, -(-left * sizes.files // sizes.songs), basis, free_bytes, free_files)
        basis = "the songs' own sizes, and a file for each of their tracks, as if none were a duplicate"
        needed = counts.remaining_bytes + counts.remaining_source_tracks * block
        return SpaceEstimate(needed, counts.remaining_source_tracks, basis, free_bytes, free_files)

    def _report_progress(self, stage: str, seen: int, total: int | None) -> None:
        seconds = time.perf_counter() - self._started
        if self._listener and seconds - self._last_report_seconds >= _REPORT_SECONDS:
            self._last_report_seconds = seconds
            self._listener(PreflightProgress(stage, seen, total, seconds))


def _matching_hashes(content_hash: bytes, data: bytes | None) -> set[str]:
    """What else of these bytes it may be."""
    if data is None:
        return set()
    return {name for name, digest in _OTHER_HASHES.items() if digest(data) == content_hash}


def _free_space(out: str | None) -> tuple[int | None, int | None, int]:
    """Free bytes, free inodes and the size of a block where ``out`` is or will be."""
    if out is None or not hasattr(os, "statvfs"):
        return None, None, _DEFAULT_BLOCK_BYTES
    for folder in _path_and_ancestors(os.path.abspath(out)):
        try:
            disk = os.statvfs(folder)
        except OSError:
            continue
        block = disk.f_frsize or _DEFAULT_BLOCK_BYTES
        return disk.f_bavail * block, disk.f_favail if disk.f_files else None, block
    return None, None, _DEFAULT_BLOCK_BYTES


def _path_and_ancestors(path: str) -> Iterable[str]:
    while True:
        yield path
        above = os.path.dirname(path)
        if above == path:
            return
        path = above
