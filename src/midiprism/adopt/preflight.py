"""A preflight: whether another program's library can be adopted, and what that takes.

Nothing is written.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from blake3 import blake3

from midiprism.adopt.db.foreign_reader import ForeignFile, ForeignLibrary
from midiprism.adopt.db.preflight_queries import (
    ForeignCounts,
    read_foreign_counts,
    read_own_catalog,
    read_privileges,
    read_sample_files,
    read_track_sizes,
)
from midiprism.adopt.preflight_report import PreflightProgress, PreflightReport, SpaceEstimate
from midiprism.catalog import PostgresAddress
from midiprism.metrics.progress_reporter import ProgressReporter
from midiprism.results.result_dir import read_identity
from midiprism.smf.types import Limits
from midiprism.sources.folder import read_file
from midiprism.sources.path_map import PathMap
from midiprism.sources.source import UnreadableError

FILE_SAMPLE_SIZE = 1_000
"""Most songs, and most tracks, whose files are looked for."""
HASH_SAMPLE_SIZE = 100
"""Most songs whose content is compared with their content_hash."""

_DEFAULT_BLOCK_BYTES = 4_096
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


class _FreeSpace(NamedTuple):
    """Free space of a disk; None where it is unknown.

    Attributes:
        bytes: that are free.
        files: inodes that are free; None also where the file system does not count them.
        block_bytes: size of a block.
    """

    bytes: int | None
    files: int | None
    block_bytes: int


def run_preflight(
    address: PostgresAddress,
    path_map: PathMap,
    out: str | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    listener: Callable[[PreflightProgress], None] | None = None,
) -> PreflightReport:
    """Check whether a library can be adopted. Nothing is written.

    Args:
        address: of the library's database, and of the schema for midiprism's own tables.
        path_map: maps the library's recorded paths to local ones.
        out: folder of the future result; None if it is not decided.
        stop: once true, the preflight ends as soon as it can.
        listener: called with the progress, at most ten times a second.

    Raises:
        UsageError: ``out`` cannot be the folder of a result.
        CatalogError: the database cannot be read.
    """
    if out is not None:
        read_identity(out)
    with ForeignLibrary(address) as library:
        return _Preflight(library, path_map, stop, listener).run(out)


class _Preflight:
    """A preflight in progress."""

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
        self._reporter = ProgressReporter(listener)
        self._report = PreflightReport(library.address, library.schema)
        self._song_sample: list[ForeignFile] = []

    def run(self, out: str | None) -> PreflightReport:
        report = self._report
        required = {f"SELECT on {table}" for table in report.foreign_schema.schemas}
        if report.foreign_schema.recognised:
            report.privileges = read_privileges(self._library)
            required -= {privilege.name for privilege in report.privileges if privilege.granted}
        if report.foreign_schema.recognised and not required:
            for step in (self._count_rows, self._find_missing_files, self._check_hashes):
                if not self._stop():
                    step()
            if report.counts is not None:
                report.space = self._estimate_space(report.counts, out)
        report.stopped = self._stop()
        report.seconds = self._reporter.seconds
        return report

    def _count_rows(self) -> None:
        self._report_progress("counting rows", 0, None)
        self._report.counts = read_foreign_counts(self._library)
        self._report.own_catalog = read_own_catalog(self._library)

    def _find_missing_files(self) -> None:
        """Look for the files of a sample."""
        self._song_sample = read_sample_files(self._library, "songs", FILE_SAMPLE_SIZE)
        track_sample = read_sample_files(self._library, "tracks", FILE_SAMPLE_SIZE)
        for sample, files in ((self._report.songs, self._song_sample), (self._report.tracks, track_sample)):
            for path in self._local_paths("looking for files", files):
                sample.sampled += 1
                if not os.path.isfile(path):
                    sample.missing.append(path)

    def _check_hashes(self) -> None:
        """Compare ``content_hash`` of a sample with the songs' bytes."""
        hash_check = self._report.hash_check
        possible_hashes: set[str] | None = None
        sample_size = min(HASH_SAMPLE_SIZE, len(self._song_sample))
        for file in self._song_sample:
            if self._stop() or hash_check.checked == HASH_SAMPLE_SIZE:
                break
            path = self._path_map.to_local(file.path)
            try:
                content = read_file(path, _MAX_INPUT_BYTES)
            except UnreadableError:
                continue
            hash_check.checked += 1
            self._report_progress("songs digested", hash_check.checked, sample_size)
            if content.digest != file.content_hash:
                hash_check.mismatched.append(path)
                matching = _matching_hashes(file.content_hash, content.data)
                possible_hashes = matching if possible_hashes is None else possible_hashes & matching
        hash_check.actual_hash = min(possible_hashes) if possible_hashes else None

    def _local_paths(self, stage: str, files: Sequence[ForeignFile]) -> Iterator[bytes]:
        for number, file in enumerate(files):
            if self._stop():
                return
            self._report_progress(stage, number, len(files))
            yield self._path_map.to_local(file.path)

    def _estimate_space(self, counts: ForeignCounts, out: str | None) -> SpaceEstimate:
        """Estimate what the songs without links will take."""
        remaining = counts.songs - counts.already_split
        free = _free_space(out)
        block = free.block_bytes
        sizes = read_track_sizes(self._library, block)
        if sizes.songs and sizes.files:
            basis = f"what the {sizes.files:,} tracks of {sizes.songs:,} songs in track_splits take"
            needed_bytes = -(-remaining * sizes.disk_blocks * block // sizes.songs)
            needed_files = -(-remaining * sizes.files // sizes.songs)
        else:
            basis = "the songs' own sizes, and a file for each of their tracks, as if none were a duplicate"
            needed_bytes = counts.remaining_bytes + counts.remaining_source_tracks * block
            needed_files = counts.remaining_source_tracks
        return SpaceEstimate(needed_bytes, needed_files, basis, free.bytes, free.files)

    def _report_progress(self, stage: str, seen: int, total: int | None) -> None:
        self._reporter.report(lambda seconds: PreflightProgress(stage, seen, total, seconds))


def _matching_hashes(content_hash: bytes, data: bytes | None) -> set[str]:
    """Return the names of other hashes of which ``content_hash`` is the digest."""
    if data is None:
        return set()
    return {name for name, digest in _OTHER_HASHES.items() if digest(data) == content_hash}


def _free_space(out: str | None) -> _FreeSpace:
    """Return the free space of the disk that ``out`` is on, or will be."""
    if out is not None and hasattr(os, "statvfs"):
        for folder in _path_and_ancestors(os.path.abspath(out)):
            try:
                disk = os.statvfs(folder)
            except OSError:
                continue
            block = disk.f_frsize or _DEFAULT_BLOCK_BYTES
            return _FreeSpace(disk.f_bavail * block, disk.f_favail if disk.f_files else None, block)
    return _FreeSpace(None, None, _DEFAULT_BLOCK_BYTES)


def _path_and_ancestors(path: str) -> Iterator[str]:
    while True:
        yield path
        parent = os.path.dirname(path)
        if parent == path:
            return
        path = parent
