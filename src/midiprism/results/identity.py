"""The identity of a result, and the identity that a run requests."""

from dataclasses import asdict, dataclass, field
from typing import Any

from midiprism.catalog import PostgresAddress
from midiprism.errors import (
    AdoptionNeedsFilesError,
    IdentityMismatchError,
    OlderContractError,
    UsageError,
)
from midiprism.smf.types import CONTRACT_VERSION, By, Context
from midiprism.stores import DEFAULT_STORE_KIND, NAMING_VERSION, STORE_KINDS

StoreKind = str
"""One of ``midiprism.stores.STORE_KINDS``."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The settings of every track of a result. The same songs and identity give the same tree.

    Attributes:
        store: kind of the store that keeps the tracks.
    """

    by: By = "auto"
    context: Context = "conductor"
    contract: int = CONTRACT_VERSION
    naming: int = NAMING_VERSION
    store: StoreKind = DEFAULT_STORE_KIND

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RequestedIdentity:
    """The settings that tracks are to be made with. None means that of the result, or else the default.

    Attributes:
        by: what becomes a track of its own; ``auto`` by default.
        context: what of its song a track contains; ``conductor`` by default.
        store: where the tracks are kept; ``files`` by default.
    """

    by: By | None = None
    context: Context | None = None
    store: StoreKind | None = None


@dataclass(frozen=True, slots=True)
class ResultRequest:
    """The result that a run asks for.

    Attributes:
        database: where the catalog is; None for a file in the result.
        adopted: whether the result belongs to an adopted library.
        redo: whether all songs are split again, so that an earlier contract is no obstacle.
    """

    identity: RequestedIdentity = field(default_factory=RequestedIdentity)
    database: PostgresAddress | None = None
    adopted: bool = False
    redo: bool = False

    def resolve(self, existing: Identity | None, out: str) -> Identity:
        """Return the identity of a run into ``out``, whose result has ``existing`` (None for a new one).

        Raises:
            UsageError: ``out`` holds a result of another identity.
        """
        wanted = self.identity
        store = wanted.store or (existing.store if existing else DEFAULT_STORE_KIND)
        if self.adopted and not STORE_KINDS[store].tracks_are_files:
            raise AdoptionNeedsFilesError
        if existing is None:
            return Identity(wanted.by or "auto", wanted.context or "conductor", store=store)
        if existing.contract > CONTRACT_VERSION or existing.naming != NAMING_VERSION:
            raise UsageError(
                f"{out} was made by another version of midiprism, which splits or names differently: "
                "use that version, or choose another folder for the result."
            )
        if existing.contract < CONTRACT_VERSION and not self.redo:
            raise OlderContractError(out)
        other_split = wanted.by not in (None, existing.by) or wanted.context not in (None, existing.context)
        if other_split or store != existing.store:
            raise IdentityMismatchError(
                out, existing.by, existing.context, existing.store, other_store=not other_split
            )
        return Identity(existing.by, existing.context, store=existing.store)
