"""The report of a preflight."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from midiprism.adopt.db.foreign_schema import ForeignSchema
from midiprism.adopt.db.preflight_queries import ForeignCounts, OwnCatalog, Privilege
from midiprism.catalog import CURRENT_VERSION, PostgresAddress
from midiprism.fs.path_text import path_text

MAX_EXAMPLES = 100


class PreflightProgress(NamedTuple):
    """Progress of a preflight.

    Attributes:
        stage: what it does now, in words.
        seen: of ``total``, how many were checked.
        total: number to check; None if it is unknown.
        seconds: since the preflight began.
    """

    stage: str
    seen: int
    total: int | None
    seconds: float


@dataclass(slots=True)
class FileSample:
    """A sample of files that were looked for.

    Attributes:
        sampled: number of files that were looked for.
        missing: local paths of those that do not exist.
    """

    sampled: int = 0
    missing: list[bytes] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"sampled": self.sampled, "missing": len(self.missing), "examples": _examples(self.missing)}


@dataclass(slots=True)
class HashCheck:
    """A sample of songs whose ``content_hash`` was compared with the BLAKE3 of their bytes.

    Attributes:
        checked: number of songs that were read.
        mismatched: local paths of those with another ``content_hash``.
        actual_hash: name of the hash that ``content_hash`` is for all of ``mismatched``; None if it is
            unknown.
    """

    checked: int = 0
    mismatched: list[bytes] = field(default_factory=list)
    actual_hash: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "checked": self.checked,
            "mismatched": len(self.mismatched),
            "actual_hash": self.actual_hash,
            "examples": _examples(self.mismatched),
        }


class SpaceEstimate(NamedTuple):
    """The disk space that splitting the songs without links needs.

    Attributes:
        bytes: needed, in whole blocks.
        files: needed, that is inodes.
        basis: what the estimate is based on, in words.
        free_bytes: on the disk of the result; None if no folder is given or the number is unknown.
        free_files: on that disk; None also if the file system does not count them.
    """

    bytes: int
    files: int
    basis: str
    free_bytes: int | None
    free_files: int | None

    @property
    def enough(self) -> bool:
        """True if the free space is enough, as far as it is known."""
        lacks_bytes = self.free_bytes is not None and self.free_bytes < self.bytes
        lacks_files = self.free_files is not None and self.free_files < self.files
        return not (lacks_bytes or lacks_files)


@dataclass(slots=True)
class PreflightReport:
    """The findings of a preflight. What could not be checked is None.

    Attributes:
        address: of the library's database.
        foreign_schema: what its tables look like.
        counts: numbers of rows.
        privileges: that the role needs.
        songs: a sample of the songs' files.
        tracks: a sample of the tracks' files.
        hash_check: a sample of the songs' hashes.
        space: the disk space that is needed.
        own_catalog: midiprism's catalog in the same database; None if there is none.
        stopped: whether the preflight was stopped before its end.
        seconds: how long it took.
    """

    address: PostgresAddress
    foreign_schema: ForeignSchema
    counts: ForeignCounts | None = None
    privileges: list[Privilege] = field(default_factory=list)
    songs: FileSample = field(default_factory=FileSample)
    tracks: FileSample = field(default_factory=FileSample)
    hash_check: HashCheck = field(default_factory=HashCheck)
    space: SpaceEstimate | None = None
    own_catalog: OwnCatalog | None = None
    stopped: bool = False
    seconds: float = 0.0

    @property
    def obstacles(self) -> list[str]:
        """The reasons why the library cannot be adopted as it is, one sentence each."""
        return [*self.foreign_schema.faults, *self._find_obstacles()]

    @property
    def ok(self) -> bool:
        return not self.obstacles and not self.stopped

    def _find_obstacles(self) -> Iterator[str]:
        for column in self.foreign_schema.extra_columns:
            if column.required:
                yield f"{column.table}: no row can be added without {column.name}, which has no default."
        for privilege in self.privileges:
            if privilege.needed_for == "adopt" and not privilege.granted:
                yield f"The role lacks: {privilege.name}."
        if self.counts is None:
            return
        if self.own_catalog is not None and self.own_catalog.version not in (None, CURRENT_VERSION):
            yield (
                f"The catalog in schema {self.address.schema} is of version {self.own_catalog.version}, and "
                f"this midiprism works with version {CURRENT_VERSION}."
            )
        if self.counts.songs and not self.hash_check.checked and not self.stopped:
            yield "None of the songs in the sample can be read, so no content_hash could be checked."
        mismatched = self.hash_check.mismatched
        if mismatched:
            actual = f"; it is {self.hash_check.actual_hash}" if self.hash_check.actual_hash else ""
            yield (
                f"content_hash is not the BLAKE3 of {len(mismatched):,} of {self.hash_check.checked:,} "
                f"songs, such as {path_text(mismatched[0])}{actual}."
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "ok": self.ok,
            "state": "interrupted" if self.stopped else "done",
            "database": str(self.address),
            "obstacles": self.obstacles,
            "tables": dict(self.foreign_schema.schemas),
            "extra_columns": [column._asdict() for column in self.foreign_schema.extra_columns],
            "triggers": [trigger._asdict() for trigger in self.foreign_schema.triggers],
            "counts": self.counts._asdict() if self.counts else None,
            "privileges": [privilege._asdict() for privilege in self.privileges],
            "songs": self.songs.as_dict(),
            "tracks": self.tracks.as_dict(),
            "content_hash": self.hash_check.as_dict(),
            "space": {**self.space._asdict(), "enough": self.space.enough} if self.space else None,
            "own_catalog": self.own_catalog._asdict() if self.own_catalog else None,
            "seconds": round(self.seconds, 3),
        }


def _examples(paths: list[bytes]) -> list[str]:
    return [path_text(path) for path in paths[:MAX_EXAMPLES]]
