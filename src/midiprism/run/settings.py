"""What a run is asked to do, and what of it decides the identity of a result."""

from dataclasses import asdict, dataclass
from typing import Any

from midiprism.errors import UsageError
from midiprism.smf.types import CONTRACT_VERSION, By, Context, Limits
from midiprism.store import NAMING_VERSION

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Identity:
    """What every split of a result was made with. The same parents and identity give the same tree."""

    by: By = "auto"
    context: Context = "conductor"
    contract: int = CONTRACT_VERSION
    naming: int = NAMING_VERSION

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is asked to do.

    Attributes:
        by: what a split is; None for what the result has, or else ``auto``.
        context: what of the song goes into a split; None for what the result has, or else ``conductor``.
        limits: bounds on what one parent may cost.
        batch_parents: most parents of a batch, which is put, flushed and committed as one.
        batch_bytes: most bytes of them together.
    """

    by: By | None = None
    context: Context | None = None
    limits: Limits = DEFAULT_LIMITS
    batch_parents: int = 1_000
    batch_bytes: int = 64 << 20

    def identity(self, existing: Identity | None, out: str) -> Identity:
        """The identity of a run into ``out``, whose result has ``existing`` (None for a new one).

        Raises:
            UsageError: ``out`` holds a result of another identity.
        """
        if existing is None:
            return Identity(self.by or "auto", self.context or "conductor")
        if (existing.contract, existing.naming) != (CONTRACT_VERSION, NAMING_VERSION):
            raise UsageError(
                f"{out} was made by another version of midiprism, which splits or names otherwise: "
                "choose another folder for the result."
            )
        if (self.by or existing.by, self.context or existing.context) != (existing.by, existing.context):
            raise UsageError(
                f"{out} was made with --by {existing.by} --context {existing.context}: use the same, "
                "or choose another folder for the result."
            )
        return existing
