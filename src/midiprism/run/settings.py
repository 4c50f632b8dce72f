"""What a run is asked to do, and what of it decides the identity of a result."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from midiprism.catalog import KnownParent, PostgresAddress, Settled
from midiprism.catalog.bridge import Existing
from midiprism.catalog.leases import LEASE_SECONDS
from midiprism.catalog.records import ADOPTED, FAILURES
from midiprism.errors import UsageError
from midiprism.library.pathmap import NOT_MOVED, PathMap
from midiprism.smf.types import CONTRACT_VERSION, By, Context, Limits
from midiprism.store import NAMING_VERSION

StoreKind = Literal["files", "parquet"]

DEFAULT_LIMITS = Limits()

PARENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What every split of a result was made with. The same parents and identity give the same tree.

    Attributes:
        store: whether each track is a file of its own, or many lie in a Parquet file.
    """

    by: By = "auto"
    context: Context = "conductor"
    contract: int = CONTRACT_VERSION
    naming: int = NAMING_VERSION
    store: StoreKind = "files"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run does with parents that have an outcome already.

    Attributes:
        redo: split all again.
        retry_failed: split again what failed.
        existing: split what the owner of a library that was taken over had split.
    """

    redo: bool = False
    retry_failed: bool = False
    existing: bool = False

    def settled(self, oldest_contract: int | None) -> Settled | None:
        """What is settled by its path alone, where that is not all that is known."""
        again = self._again()
        if again or (oldest_contract is not None and oldest_contract < CONTRACT_VERSION):
            return Settled(CONTRACT_VERSION, tuple(sorted(again)))
        return None

    def is_settled(self, parent: KnownParent, run_id: int) -> bool:
        """Whether run ``run_id`` has nothing to do with a content that is known."""
        if parent.run_id == run_id:
            return True
        if self.redo or parent.contract < CONTRACT_VERSION:
            return False
        return parent.outcome not in self._again()

    def _again(self) -> set[str]:
        """Outcomes that are not settled."""
        return {*(FAILURES if self.retry_failed else ()), *((ADOPTED,) if self.existing else ())}


@dataclass(frozen=True, slots=True)
class Adoption:
    """A library of another program's that is taken over.

    Attributes:
        paths: where its files are.
        existing: what becomes of parents that its owner has split.
    """

    paths: PathMap = NOT_MOVED
    existing: Existing = "leave"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is asked to do.

    Attributes:
        by: what a split is; None for what the result has, or else ``auto``.
        context: what of the song goes into a split; None for what the result has, or else ``conductor``.
        store: what the tracks lie in; None for what the result has, or else ``files``.
        limits: bounds on what one parent may cost.
        workers: processes that split; 0 to do it all in this one; None to take it from the machine.
        batch_parents: most parents of a batch, which is put, flushed and committed as one; None for the
            default.
        batch_bytes: most bytes of them together.
        in_flight: most batches handed out and not yet committed; None to take it from the workers.
        timeout: seconds that a worker may spend on one parent, its writing aside; None for as long as it
            takes.
        wish: what to do with parents that have an outcome.
        scan: whether to count the parents beside the work.
        database: where the catalogue is; None for a file in the result.
        lease_seconds: how long what is planned stays reserved for a run that has died, where several share
            a catalogue.
        reading: options of the command line that the library was opened with, for a command that goes on.
        adoption: the library that is taken over; None for songs of one's own.
    """

    by: By | None = None
    context: Context | None = None
    store: StoreKind | None = None
    limits: Limits = DEFAULT_LIMITS
    workers: int | None = None
    batch_parents: int | None = None
    batch_bytes: int = 64 << 20
    in_flight: int | None = None
    timeout: float | None = PARENT_SECONDS
    wish: Wish = Wish()
    scan: bool = True
    database: PostgresAddress | None = None
    lease_seconds: float = LEASE_SECONDS
    reading: tuple[str, ...] = ()
    adoption: Adoption | None = None

    def identity(self, existing: Identity | None, out: str) -> Identity:
        """The identity of a run into ``out``, whose result has ``existing`` (None for a new one).

        Raises:
            UsageError: ``out`` holds a result of another identity.
        """
        store = self.store or (existing.store if existing else "files")
        if store == "parquet" and self.adoption is not None:
            raise UsageError(
                "The tables of a library that is taken over name files: leave --store out, and choose a "
                "folder that was not made with --store parquet."
            )
        if existing is None:
            return Identity(self.by or "auto", self.context or "conductor", store=self.store or "files")
        if existing.contract > CONTRACT_VERSION or existing.naming != NAMING_VERSION:
            raise UsageError(
                f"{out} was made by another version of midiprism, which splits or names otherwise: "
                "use that version, or choose another folder for the result."
            )
        if existing.contract < CONTRACT_VERSION and not self.wish.redo:
            raise UsageError(
                f"{out} was made by an earlier version of midiprism, which split otherwise: "
                "--redo splits its songs again, or choose another folder for the result."
            )
        if (self.by or existing.by, self.context or existing.context) != (existing.by, existing.context):
            raise UsageError(
                f"{out} was made with --by {existing.by} --context {existing.context}: use the same, "
                "or choose another folder for the result."
            )
        if self.store not in (None, existing.store):
            raise UsageError(
                f"{out} was made with --store {existing.store}: leave --store out, or choose another folder "
                "for the result."
            )
        return Identity(existing.by, existing.context, store=existing.store)
