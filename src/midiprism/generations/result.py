"""A result in object storage: its identity, its plans and manifests."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from midiprism.errors import UsageError
from midiprism.generations.digests import MAX_PREFIXES
from midiprism.generations.errors import GenerationError, NoGenerationsError, OtherIdentityError
from midiprism.generations.layout import (
    LINKS,
    MANIFESTS,
    MARKER,
    PLANS,
    SONGS,
    TABLES,
    TRACKS,
    generation_numbers,
    manifest_key,
    plan_key,
)
from midiprism.generations.stored_objects import StoredObject
from midiprism.generations.usage import Usage
from midiprism.objects import ObjectMissingError, ObjectStorage, create_record, read_record
from midiprism.pipeline.settings import DEFAULT_TIMEOUT_SECONDS, song_limits
from midiprism.results.identity import RequestedIdentity
from midiprism.smf.types import CONTRACT_VERSION, By, Context, Limits
from midiprism.sources.marker import GENERATIONS_KIND

PROTOCOL_VERSION = 1
"""Raised whenever records or tables change so that an earlier version cannot continue."""


@dataclass(frozen=True, slots=True)
class ResultIdentity:
    """The settings of every track of a result, and the number of its prefixes; none of them ever changes."""

    by: By
    context: Context
    contract: int
    prefixes: int

    def metadata(self) -> dict[str, str]:
        """Return the facts that every Parquet file states."""
        return {"by": self.by, "context": self.context, "contract": str(self.contract)}


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Settings of a generation, which its plan states.

    Attributes:
        max_song_size: songs of more bytes are not split.
        encoding: of the texts of songs; None to guess it.
        facts: whether facts of tracks are computed.
        timeout: seconds that a worker may spend on one song; None for no limit.
    """

    max_song_size: int | None = None
    encoding: str | None = None
    facts: bool = True
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS

    @property
    def limits(self) -> Limits:
        """Bounds on what one song may cost.

        Raises:
            UsageError: the size is not one that a song may have.
        """
        return song_limits(self.max_song_size)


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a generation.

    Attributes:
        number: of the generation, from 1.
        base: the generation whose files stay part of the result; 0 for none.
        source: URL of the songs.
        chunks: a Parquet file for each, with its songs in the order of their paths.
    """

    number: int
    base: int
    source: str
    settings: SplitSettings
    chunks: tuple[StoredObject, ...]

    @property
    def song_count(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    def as_json(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "midiprism": "plan",
            "generation": self.number,
            "base": self.base,
            "source": self.source,
            "max_song_size": settings.max_song_size,
            "encoding": settings.encoding,
            "facts": settings.facts,
            "timeout": settings.timeout,
            "chunks": [chunk.as_json() for chunk in self.chunks],
        }


@dataclass(frozen=True, slots=True)
class TableFile:
    """A Parquet file of a result, or in ``Manifest.index`` an object of digests.

    Attributes:
        table: one of ``TABLES``, or the number of the prefix.
        generation: that wrote it.
        source: URL of the songs, for files of paths; else empty.
        is_provisional: whether the next generation replaces it: outcomes of songs that could not be read.
        stored: the object; ``rows`` of an index is the number of its songs.
        outcomes: number of songs by outcome, for files of songs.
    """

    table: str
    generation: int
    stored: StoredObject
    source: str = ""
    is_provisional: bool = False
    outcomes: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "generation": self.generation,
            "source": self.source,
            "provisional": self.is_provisional,
            "outcomes": dict(self.outcomes),
            **self.stored.as_json(),
        }

    @classmethod
    def from_json(cls, value: Any) -> "TableFile":
        stored = StoredObject.from_json(value)
        try:
            return cls(
                str(value["table"]),
                int(value["generation"]),
                stored,
                str(value["source"]),
                value["provisional"] is True,
                {str(name): int(count) for name, count in value["outcomes"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GenerationError("A manifest does not name its files as midiprism does.") from error


@dataclass(frozen=True, slots=True)
class Manifest:
    """The commit of a generation: the files that are the result.

    Attributes:
        number: of the generation; 0 for a result without one.
        files: all Parquet files, also those of earlier generations.
        index: the digests that each generation has added, by prefix.
        usage: of the tasks of this generation, by pass.
    """

    number: int = 0
    files: tuple[TableFile, ...] = ()
    index: tuple[TableFile, ...] = ()
    usage: Mapping[str, Usage] = field(default_factory=dict)

    def rows(self, table: str) -> int:
        """Return the number of rows of a table."""
        return sum(file.stored.rows for file in self.files if file.table == table)

    @property
    def outcomes(self) -> dict[str, int]:
        """Number of songs by outcome."""
        counts: Counter[str] = Counter()
        for file in self.files:
            counts.update(file.outcomes)
        return dict(sorted(counts.items()))

    def as_json(self) -> dict[str, Any]:
        return {
            "midiprism": "manifest",
            "generation": self.number,
            "songs": self.rows(SONGS),
            "tracks": self.rows(TRACKS),
            "links": self.rows(LINKS),
            "outcomes": self.outcomes,
            "files": [file.as_json() for file in self.files],
            "index": [file.as_json() for file in self.index],
            "usage": {name: usage.as_json() for name, usage in self.usage.items()},
        }


class GenerationResult:
    """A result in object storage.

    Args:
        storage: of the result.
        identity: of the result.
    """

    def __init__(self, storage: ObjectStorage, identity: ResultIdentity) -> None:
        self.storage = storage
        self.identity = identity

    def newest_plan(self) -> Plan | None:
        """Return the plan of the newest generation; None if none was planned.

        Raises:
            GenerationError: it is not one that this version can follow.
        """
        numbers = generation_numbers(info.key for info in self.storage.list(PLANS))
        return self.read_plan(numbers[-1]) if numbers else None

    def read_plan(self, number: int) -> Plan:
        """Return the plan of a generation."""
        content = read_record(self.storage, plan_key(number))
        try:
            settings = SplitSettings(
                content["max_song_size"],
                content["encoding"],
                content["facts"] is True,
                content["timeout"] and float(content["timeout"]),
            )
            chunks = tuple(map(StoredObject.from_json, content["chunks"]))
            plan = Plan(number, int(content["base"]), str(content["source"]), settings, chunks)
        except (KeyError, TypeError, ValueError) as error:
            raise GenerationError(f"{self.storage.url}: {plan_key(number)} is no plan.") from error
        require_settings(settings)
        return plan

    def newest_manifest(self) -> Manifest:
        """Return the manifest of the newest committed generation; that of generation 0 if there is none."""
        number = self.newest_manifest_number()
        return self.read_manifest(number) if number else Manifest()

    def newest_manifest_number(self) -> int:
        """Return the number of the newest committed generation; 0 if there is none."""
        numbers = generation_numbers(info.key for info in self.storage.list(MANIFESTS))
        return numbers[-1] if numbers else 0

    def read_manifest(self, number: int) -> Manifest:
        """Return the manifest of a generation.

        Raises:
            ObjectMissingError: it is not committed.
        """
        content = read_record(self.storage, manifest_key(number))
        try:
            files = tuple(map(TableFile.from_json, content["files"]))
            index = tuple(map(TableFile.from_json, content["index"]))
            usage = {str(name): Usage.from_json(value) for name, value in content["usage"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise GenerationError(f"{self.storage.url}: {manifest_key(number)} is no manifest.") from error
        if any(file.table not in TABLES for file in files):
            raise GenerationError(f"{self.storage.url}: {manifest_key(number)} names unknown tables.")
        return Manifest(number, files, index, usage)

    def is_committed(self, number: int) -> bool:
        """Return whether a generation is committed."""
        try:
            self.storage.info(manifest_key(number))
        except ObjectMissingError:
            return False
        return True


def require_settings(settings: SplitSettings) -> None:
    """Check the settings of a plan, which whoever writes to the result may have changed.

    Raises:
        UsageError: one is not possible.
    """
    from midiprism.smf.text.decode import check_encoding

    _ = settings.limits
    if settings.encoding is not None:
        check_encoding(str(settings.encoding))
    if settings.timeout is not None and not settings.timeout > 0:
        raise UsageError("The seconds that a song may take must be more than 0.")


def open_result(storage: ObjectStorage) -> GenerationResult:
    """Return the result at a URL.

    Raises:
        UsageError: there is none, or another version made it.
        ObjectStorageError: it cannot be read.
    """
    try:
        content = read_record(storage, MARKER)
    except ObjectMissingError:
        raise NoGenerationsError(storage.url) from None
    return GenerationResult(storage, _parse_identity(storage, content))


def open_or_create_result(
    storage: ObjectStorage, wanted: RequestedIdentity, prefixes: int
) -> GenerationResult:
    """Return the result at a URL, which is made if there is none.

    Args:
        storage: of the result.
        wanted: identity; None in it for that of the result, or else the default.
        prefixes: of a new result.

    Raises:
        UsageError: there is one with another identity.
        ObjectStorageError: it cannot be read or written.
    """
    content = {
        "midiprism": GENERATIONS_KIND,
        "protocol": PROTOCOL_VERSION,
        "by": wanted.by or "auto",
        "context": wanted.context or "conductor",
        "contract": CONTRACT_VERSION,
        "prefixes": prefixes,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        found = read_record(storage, MARKER)
    except ObjectMissingError:
        found = create_record(storage, MARKER, content).content
    identity = _parse_identity(storage, found)
    if wanted.by not in (None, identity.by) or wanted.context not in (None, identity.context):
        raise OtherIdentityError(storage.url, identity.by, identity.context)
    return GenerationResult(storage, identity)


def _parse_identity(storage: ObjectStorage, content: Mapping[str, Any]) -> ResultIdentity:
    from midiprism.smf.split_song import BY_CODES
    from midiprism.smf.types import CONTEXTS

    if content.get("midiprism") != GENERATIONS_KIND:
        raise NoGenerationsError(storage.url)
    prefixes = content.get("prefixes")
    if (
        content.get("protocol") != PROTOCOL_VERSION
        or content.get("contract") != CONTRACT_VERSION
        or content.get("by") not in BY_CODES
        or content.get("context") not in CONTEXTS
        or not isinstance(prefixes, int)
        or not 0 < prefixes <= MAX_PREFIXES
    ):
        raise UsageError(
            f"{storage.url} was made by another version of midiprism, which splits or records differently: "
            "use that version, or choose another URL for the result."
        )
    return ResultIdentity(content["by"], content["context"], CONTRACT_VERSION, prefixes)
