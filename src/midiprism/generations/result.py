"""A result in object storage: its identity, and its manifests."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from midiprism.errors import UsageError
from midiprism.generations.digests import MAX_PREFIXES
from midiprism.generations.errors import (
    GenerationError,
    NewerContractError,
    NoGenerationsError,
    OtherIdentityError,
)
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
from midiprism.generations.plan import Plan, SplitSettings, require_settings
from midiprism.generations.stored_objects import StoredObject
from midiprism.generations.usage import Usage
from midiprism.objects import ObjectMissingError, ObjectStorage, create_record, read_record
from midiprism.results.identity import RequestedIdentity
from midiprism.smf.types import CONTRACT_VERSION, By, Context
from midiprism.sources.marker import GENERATIONS_KIND

PROTOCOL_VERSION = 1
"""Raised whenever records or tables change so that an earlier version cannot continue."""


@dataclass(frozen=True, slots=True)
class ResultIdentity:
    """The settings of the tracks of a result, and the number of its prefixes.

    Attributes:
        contract: version that its songs are split by. Its marker has that of its first generation, and later
            plans and manifests have theirs. Nothing else ever changes.
    """

    by: By
    context: Context
    contract: int
    prefixes: int

    def metadata(self) -> dict[str, str]:
        """Return the facts that every Parquet file states."""
        return {"by": self.by, "context": self.context, "contract": str(self.contract)}


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
        contract: version that its songs were split by, for files of songs and paths; else 0.
    """

    table: str
    generation: int
    stored: StoredObject
    source: str = ""
    is_provisional: bool = False
    outcomes: Mapping[str, int] = field(default_factory=dict)
    contract: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "generation": self.generation,
            "source": self.source,
            "provisional": self.is_provisional,
            "outcomes": dict(self.outcomes),
            "contract": self.contract,
            **self.stored.as_json(),
        }

    @classmethod
    def from_json(cls, value: Any, contract: int = 0) -> "TableFile":
        """Return a file as a record or a manifest names it.

        Args:
            value: as JSON has it.
            contract: version for a file that states none.

        Raises:
            GenerationError: it does not name one.
        """
        stored = StoredObject.from_json(value)
        try:
            return cls(
                str(value["table"]),
                int(value["generation"]),
                stored,
                str(value["source"]),
                value["provisional"] is True,
                {str(name): int(count) for name, count in value["outcomes"].items()},
                int(value.get("contract", contract)),
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
        contract: newest version that any of its songs was split by.
    """

    number: int = 0
    files: tuple[TableFile, ...] = ()
    index: tuple[TableFile, ...] = ()
    usage: Mapping[str, Usage] = field(default_factory=dict)
    contract: int = CONTRACT_VERSION

    def has_songs_before(self, contract: int) -> bool:
        """Return whether songs were split by an earlier version of the contract."""
        files = (file for file in self.files if file.table == SONGS and not file.is_provisional)
        return any(file.contract < contract for file in files)

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
            "contract": self.contract,
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
        contract: version of the contract that this program has. Plans and manifests of a newer one are
            refused.
    """

    def __init__(
        self, storage: ObjectStorage, identity: ResultIdentity, contract: int = CONTRACT_VERSION
    ) -> None:
        self.storage = storage
        self.identity = identity
        self.contract = contract

    def newest_plan(self) -> Plan | None:
        """Return the plan of the newest generation; None if none was planned.

        Raises:
            GenerationError: it is not one that this version can follow.
            NewerContractError: a newer version planned it.
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
            redo = "redone" in content
            base, source = int(content["redone" if redo else "base"]), str(content["source"])
            contract = self._readable_contract(content)
            plan = Plan(number, base, source, settings, chunks, contract, redo)
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
            NewerContractError: a newer version has split songs of it.
        """
        content = read_record(self.storage, manifest_key(number))
        try:
            contract = self._readable_contract(content)
            default = self.identity.contract
            files = tuple(TableFile.from_json(value, default) for value in content["files"])
            index = tuple(map(TableFile.from_json, content["index"]))
            usage = {str(name): Usage.from_json(value) for name, value in content["usage"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GenerationError(f"{self.storage.url}: {manifest_key(number)} is no manifest.") from error
        if any(file.table not in TABLES for file in files):
            raise GenerationError(f"{self.storage.url}: {manifest_key(number)} names unknown tables.")
        return Manifest(number, files, index, usage, contract)

    def _readable_contract(self, content: Mapping[str, Any]) -> int:
        """Return the version of the contract that a plan or a manifest states, or else that of the marker.

        Raises:
            NewerContractError: it is newer than that of this program.
        """
        contract = int(content.get("contract", self.identity.contract))
        if contract > self.contract:
            raise NewerContractError(self.storage.url, contract, self.contract)
        return contract

    def is_committed(self, number: int) -> bool:
        """Return whether a generation is committed."""
        try:
            self.storage.info(manifest_key(number))
        except ObjectMissingError:
            return False
        return True


def open_result(storage: ObjectStorage, contract: int = CONTRACT_VERSION) -> GenerationResult:
    """Return the result at a URL.

    Args:
        storage: of the result.
        contract: version of the contract that this program has.

    Raises:
        UsageError: there is none, or a version made it whose results this one cannot read.
        ObjectStorageError: it cannot be read.
    """
    try:
        content = read_record(storage, MARKER)
    except ObjectMissingError:
        raise NoGenerationsError(storage.url) from None
    return GenerationResult(storage, _parse_identity(storage, content, contract), contract)


def find_result(storage: ObjectStorage, contract: int = CONTRACT_VERSION) -> GenerationResult | None:
    """Return the result at a URL as ``open_result`` does; None if there is none."""
    try:
        return open_result(storage, contract)
    except NoGenerationsError:
        return None


def open_or_create_result(
    storage: ObjectStorage, wanted: RequestedIdentity, prefixes: int, contract: int = CONTRACT_VERSION
) -> GenerationResult:
    """Return the result at a URL, which is made if there is none.

    Args:
        storage: of the result.
        wanted: identity; None in it for that of the result, or else the default.
        prefixes: of a new result.
        contract: version of the contract that this program has.

    Raises:
        UsageError: there is one with another identity.
        ObjectStorageError: it cannot be read or written.
    """
    content = {
        "midiprism": GENERATIONS_KIND,
        "protocol": PROTOCOL_VERSION,
        "by": wanted.by or "auto",
        "context": wanted.context or "conductor",
        "contract": contract,
        "prefixes": prefixes,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        found = read_record(storage, MARKER)
    except ObjectMissingError:
        found = create_record(storage, MARKER, content).content
    identity = _parse_identity(storage, found, contract)
    if wanted.by not in (None, identity.by) or wanted.context not in (None, identity.context):
        raise OtherIdentityError(storage.url, identity.by, identity.context)
    return GenerationResult(storage, identity, contract)


def _parse_identity(storage: ObjectStorage, content: Mapping[str, Any], own_contract: int) -> ResultIdentity:
    from midiprism.smf.split_song import BY_CODES
    from midiprism.smf.types import CONTEXTS

    if content.get("midiprism") != GENERATIONS_KIND:
        raise NoGenerationsError(storage.url)
    prefixes, contract = content.get("prefixes"), content.get("contract")
    if isinstance(contract, int) and contract > own_contract:
        raise NewerContractError(storage.url, contract, own_contract)
    if (
        content.get("protocol") != PROTOCOL_VERSION
        or not isinstance(contract, int)
        or content.get("by") not in BY_CODES
        or content.get("context") not in CONTEXTS
        or not isinstance(prefixes, int)
        or not 0 < prefixes <= MAX_PREFIXES
    ):
        raise UsageError(
            f"{storage.url} was made by another version of midiprism, which records differently: "
            "use that version, or choose another URL for the result."
        )
    return ResultIdentity(content["by"], content["context"], contract, prefixes)
