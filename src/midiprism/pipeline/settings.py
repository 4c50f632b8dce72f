"""What a run is asked to do, and what of it decides the identity of a result."""

from dataclasses import dataclass

from midiprism.adopt.db.foreign_writer import ExistingLinksPolicy
from midiprism.catalog import KnownSong, PostgresAddress, UpToDate
from midiprism.catalog.postgres.leases import LEASE_SECONDS
from midiprism.catalog.records import ADOPTED, FAILED_OUTCOMES
from midiprism.errors import UsageError
from midiprism.results.identity import Identity, StoreKind
from midiprism.smf.types import CONTRACT_VERSION, By, Context, Limits
from midiprism.sources.path_map import NO_PATH_MAP, PathMap
from midiprism.stores import DEFAULT_STORE_KIND, NAMING_VERSION, STORE_KINDS

DEFAULT_LIMITS = Limits()

DEFAULT_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RerunPolicy:
    """What a run does with songs that have an outcome already.

    Attributes:
        redo: split all again.
        retry_failed: split again what failed.
        existing: split what the owner of a library that was taken over had split.
    """

    redo: bool = False
    retry_failed: bool = False
    redo_adopted: bool = False

    def up_to_date(self, oldest_contract: int | None) -> UpToDate | None:
        """What is settled by its path alone, where that is not all that is known."""
        again = self._outcomes_to_redo()
        if again or (oldest_contract is not None and oldest_contract < CONTRACT_VERSION):
            return UpToDate(CONTRACT_VERSION, tuple(sorted(again)))
        return None

    def is_up_to_date(self, song: KnownSong, run_id: int) -> bool:
        """Whether run ``run_id`` has nothing to do with a content that is known."""
        if song.run_id == run_id:
            return True
        if self.redo or song.contract_version < CONTRACT_VERSION:
            return False
        return song.outcome not in self._outcomes_to_redo()

    def _outcomes_to_redo(self) -> set[str]:
        """Outcomes that are not settled."""
        return {*(FAILED_OUTCOMES if self.retry_failed else ()), *((ADOPTED,) if self.redo_adopted else ())}


@dataclass(frozen=True, slots=True)
class Adoption:
    """A library of another program's that is taken over.

    Attributes:
        paths: where its files are.
        existing: what becomes of songs that its owner has split.
    """

    path_map: PathMap = NO_PATH_MAP
    existing: ExistingLinksPolicy = "leave"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is asked to do.

    Attributes:
        by: what a split is; None for what the result has, or else ``auto``.
        context: what of the song goes into a split; None for what the result has, or else ``conductor``.
        store: what the tracks lie in; None for what the result has, or else ``files``.
        limits: bounds on what one song may cost.
        workers: processes that split; 0 to do it all in this one; None to take it from the machine.
        batch_songs: most songs of a batch, which is put, flushed and committed as one; None for the
            default.
        batch_bytes: most bytes of them together.
        in_flight: most batches handed out and not yet committed; None to take it from the workers.
        timeout: seconds that a worker may spend on one song, its writing aside; None for as long as it
            takes.
        wish: what to do with songs that have an outcome.
        scan: whether to count the songs beside the work.
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
    batch_songs: int | None = None
    batch_bytes: int = 64 << 20
    in_flight: int | None = None
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS
    rerun_policy: RerunPolicy = RerunPolicy()
    count_songs: bool = True
    database: PostgresAddress | None = None
    lease_seconds: float = LEASE_SECONDS
    source_options: tuple[str, ...] = ()
    adoption: Adoption | None = None

    def identity(self, existing: Identity | None, out: str) -> Identity:
        """The identity of a run into ``out``, whose result has ``existing`` (None for a new one).

        Raises:
            UsageError: ``out`` holds a result of another identity.
        """
        store = self.store or (existing.store if existing else DEFAULT_STORE_KIND)
        if not STORE_KINDS[store].tracks_are_files and self.adoption is not None:
            raise UsageError(
                "The tables of a library that is taken over name files: leave --store out, and choose a "
                "folder that was not made with --store parquet."
            )
        if existing is None:
            return Identity(self.by or "auto", self.context or "conductor", store=store)
        if existing.contract > CONTRACT_VERSION or existing.naming != NAMING_VERSION:
            raise UsageError(
                f"{out} was made by another version of midiprism, which splits or names otherwise: "
                "use that version, or choose another folder for the result."
            )
        if existing.contract < CONTRACT_VERSION and not self.rerun_policy.redo:
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
