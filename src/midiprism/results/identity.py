"""The identity of a result: the settings that decide its tracks."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from midiprism.smf.types import CONTRACT_VERSION, By, Context
from midiprism.stores import NAMING_VERSION

StoreKind = Literal["files", "parquet"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What every split of a result was made with. The same songs and identity give the same tree.

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
