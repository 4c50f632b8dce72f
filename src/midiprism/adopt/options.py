"""How a library that another program keeps is adopted."""

from dataclasses import dataclass

from midiprism.adopt.db.foreign_writer import ExistingLinksPolicy
from midiprism.sources.path_map import NO_PATH_MAP, PathMap


@dataclass(frozen=True, slots=True)
class Adoption:
    """How a library that another program keeps is adopted.

    Attributes:
        path_map: where the library's paths are on this machine.
        existing: what becomes of songs that its owner has split.
    """

    path_map: PathMap = NO_PATH_MAP
    existing: ExistingLinksPolicy = "leave"
