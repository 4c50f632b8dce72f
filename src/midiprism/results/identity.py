"""The identity of a result: the settings that decide its tracks."""

from dataclasses import asdict, dataclass
from typing import Any

from midiprism.smf.types import CONTRACT_VERSION, By, Context
from midiprism.stores import DEFAULT_STORE_KIND, NAMING_VERSION

StoreKind = str
"""One of ``midiprism.stores.STORE_KINDS``."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What every split of a result was made with. The same songs and identity give the same tree.

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
