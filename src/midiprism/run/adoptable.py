"""Whether a library that another program keeps can be taken over, and what that takes. Nothing is written."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from blake3 import blake3

from midiprism.catalog import HEAD, PostgresAddress
from midiprism.catalog.foreign_facts import (
    Counts,
    OwnCatalog,
    Right,
    read_counts,
    read_own_catalog,
    read_rights,
    read_sample,
    read_split_sizes,
)
from midiprism.catalog.foreign_reading import ForeignFile, ForeignLibrary
from midiprism.catalog.shape import Shape
from midiprism.library.pathmap import PathMap
from midiprism.library.reading import read_file
from midiprism.library.source import UnreadableError
from midiprism.run.result import read_identity
from midiprism.smf.types import Limits

LOOKED_FOR = 1_000
"""Most files of each kind of which it is asked whether they are there."""
DIGESTED = 100
"""Most songs whose content is compared with their content_hash."""
SHOWN = 100

_BLOCK = 4_096
_REPORT_SECONDS = 0.1
_LIMIT = Limits().input_bytes
_OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "SHA-256": lambda data: hashlib.sha256(data).digest(),
    "SHA-512": lambda data: hashlib.sha512(data).digest(),
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "BLAKE2b-256": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
    "BLAKE2s": lambda data: hashlib.blake2s(data).digest(),
    "the hex digits of BLAKE3": lambda data: blake3(data).hexdigest().encode(),
}


class CheckProgress(NamedTuple):
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
class Looked:
    """Which files of a sample are where they are said to be.

    Attributes:
        sampled: how many were looked for.
        missing: paths of those that are not there.
    """

    sampled: int = 0
    missing: list[bytes] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        examples = [os.fsdecode(path) for path in self.missing[:SHOWN]]
        return {"sampled": self.sampled, "missing": len(self.missing), "examples": examples}


@dataclass(slots=True)
class Hashes:
    """Whether ``content_hash`` is the BLAKE3 of songs.

    Attributes:
        checked: how many songs were read.
        wrong: paths of those whose BLAKE3 it is not.
        instead: what it is of all of those, if anybody can tell.
    """

    checked: int = 0
    wrong: list[bytes] = field(default_factory=list)
    instead: str | None = None

    def as_dict(self) -> dict[str, Any]:
        examples = [os.fsdecode(path) for path in self.wrong[:SHOWN]]
        return {
            "checked": self.checked,
            "wrong": len(self.wrong),
            "instead": self.instead,
            "examples": examples,
        }


class Room(NamedTuple):
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
class Adoptable:
    """What a check found. What could not be looked at, since the tables are not of the shape, is None."""

    address: PostgresAddress
    shape: Shape
    counts: Counts | None = None
    rights: list[Right] = field(default_factory=list)
    songs: Looked = field(default_factory=Looked)
    splits: Looked = field(default_factory=Looked)
    hashes: Hashes = field(default_factory=Hashes)
    room: Room | None = None
    own: OwnCatalog | None = None
    stopped: bool = False
    seconds: float = 0.0

    @property
    def obstacles(self) -> list[str]:
        """Why it cannot be taken over as it is, one sentence each."""
        return [*self.shape.faults, *self._obstacles()]

    @property
    def ok(self) -> bool:
        return not self.obstacles and not self.stopped

    def _obstacles(self) -> Iterator[str]:
        for column in self.shape.further:
            if column.demanded:
                yield f"{column.table}: no row can be added without {column.name}, which has no default."
        for right in self.rights:
            if right.need == "adopt" and not right.held:
                yield f"The role lacks: {right.name}."
        if self.counts is None:
            return
        if self.own is not None and self.own.version not in (None, HEAD):
            yield (
                f"The catalogue in schema {self.address.schema} is of version {self.own.version}, and this "
                f"midiprism works with {HEAD}: see `midiprism catalog upgrade`."
            )
        if self.counts.parents and not self.hashes.checked and not self.stopped:
            yield "None of the songs in the sample can be read, so that no content_hash could be checked."
        if self.hashes.wrong:
            what = f"; it is {self.hashes.instead}" if self.hashes.instead else ""
            yield (
                f"content_hash is not the BLAKE3 of {len(self.hashes.wrong):,} of {self.hashes.checked:,} "
                f"songs, such as {os.fsdecode(self.hashes.wrong[0])}{what}."
            )

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        return {
            "ok": self.ok,
            "state": "interrupted" if self.stopped else "done",
            "database": str(self.address),
            "obstacles": self.obstacles,
            "tables": dict(self.shape.schemas),
            "further_columns": [column._asdict() for column in self.shape.further],
            "triggers": [trigger._asdict() for trigger in self.shape.triggers],
            "counts": self.counts._asdict() if self.counts else None,
            "rights": [right._asdict() for right in self.rights],
            "songs": self.songs.as_dict(),
            "splits": self.splits.as_dict(),
            "content_hash": self.hashes.as_dict(),
            "room": {**self.room._asdict(), "enough": self.room.enough} if self.room else None,
            "own_catalog": self.own._asdict() if self.own else None,
            "seconds": round(self.seconds, 3),
        }


def check_library(
    address: PostgresAddress,
    paths: PathMap,
    out: str | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    listener: Callable[[CheckProgress], None] | None = None,
) -> Adoptable:
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
        return _Check(library, paths, stop, listener).all(out)


class _Check:
    """A check under way."""

    def __init__(
        self,
        library: ForeignLibrary,
        paths: PathMap,
        stop: Callable[[], bool],
        listener: Callable[[CheckProgress], None] | None,
    ) -> None:
        self._library = library
        self._paths = paths
        self._stop = stop
        self._listener = listener
        self._started = time.perf_counter()
        self._reported = -_REPORT_SECONDS
        self._found = Adoptable(library.address, library.shape)

    def all(self, out: str | None) -> Adoptable:
        found = self._found
        readable = {f"SELECT on {table}" for table in found.shape.schemas}
        if found.shape.recognised:
            found.rights = read_rights(self._library)
            readable -= {right.name for right in found.rights if right.held}
        if found.shape.recognised and not readable:
            for step in (self._count, self._look, self._digest):
                if not self._stop():
                    step()
            if found.counts is not None:
                found.room = self._room(found.counts, out)
        found.stopped = self._stop()
        found.seconds = time.perf_counter() - self._started
        return found

    def _count(self) -> None:
        self._report("counting rows", 0, None)
        self._found.counts = read_counts(self._library)
        self._found.own = read_own_catalog(self._library)

    def _look(self) -> None:
        """Whether the files of a sample are there."""
        self._songs = read_sample(self._library, "parents", LOOKED_FOR)
        splits = read_sample(self._library, "splits", LOOKED_FOR)
        for looked, files in ((self._found.songs, self._songs), (self._found.splits, splits)):
            for path in self._each("looking for files", files):
                looked.sampled += 1
                if not os.path.isfile(path):
                    looked.missing.append(path)

    def _digest(self) -> None:
        """Whether ``content_hash`` is what it should be."""
        hashes = self._found.hashes
        guesses: set[str] | None = None
        for file in self._songs:
            if self._stop() or hashes.checked == DIGESTED:
                break
            path = self._paths.here(file.path)
            try:
                content = read_file(path, _LIMIT)
            except UnreadableError:
                continue
            hashes.checked += 1
            self._report("songs digested", hashes.checked, min(DIGESTED, len(self._songs)))
            if content.digest != file.content_hash:
                hashes.wrong.append(path)
                fits = _kinds_of(file.content_hash, content.data)
                guesses = fits if guesses is None else guesses & fits
        hashes.instead = min(guesses) if guesses else None

    def _each(self, stage: str, files: Sequence[ForeignFile]) -> Iterator[bytes]:
        for number, file in enumerate(files):
            if self._stop():
                return
            self._report(stage, number, len(files))
            yield self._paths.here(file.path)

    def _room(self, counts: Counts, out: str | None) -> Room:
        """What the songs that are left will take."""
        left = counts.parents - counts.begun
        free_bytes, free_files, block = _free(out)
        sizes = read_split_sizes(self._library, block)
        if sizes.parents and sizes.files:
            basis = f"what the {sizes.files:,} splits of {sizes.parents:,} songs in track_splits take"
            needed = -(-left * sizes.blocks * block // sizes.parents)
            return Room(needed, -(-left * sizes.files // sizes.parents), basis, free_bytes, free_files)
        basis = "the songs' own sizes, and a file for each of their tracks, as if none were a duplicate"
        needed = counts.left_bytes + counts.left_tracks * block
        return Room(needed, counts.left_tracks, basis, free_bytes, free_files)

    def _report(self, stage: str, seen: int, total: int | None) -> None:
        seconds = time.perf_counter() - self._started
        if self._listener and seconds - self._reported >= _REPORT_SECONDS:
            self._reported = seconds
            self._listener(CheckProgress(stage, seen, total, seconds))


def _kinds_of(content_hash: bytes, data: bytes | None) -> set[str]:
    """What else of these bytes it may be."""
    if data is None:
        return set()
    return {name for name, digest in _OTHERS.items() if digest(data) == content_hash}


def _free(out: str | None) -> tuple[int | None, int | None, int]:
    """Free bytes, free inodes and the size of a block where ``out`` is or will be."""
    if out is None or not hasattr(os, "statvfs"):
        return None, None, _BLOCK
    for folder in _upwards(os.path.abspath(out)):
        try:
            disk = os.statvfs(folder)
        except OSError:
            continue
        block = disk.f_frsize or _BLOCK
        return disk.f_bavail * block, disk.f_favail if disk.f_files else None, block
    return None, None, _BLOCK


def _upwards(path: str) -> Iterable[str]:
    while True:
        yield path
        above = os.path.dirname(path)
        if above == path:
            return
        path = above
