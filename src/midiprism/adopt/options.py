"""Options of adopting a library that another program keeps."""

from dataclasses import dataclass
from typing import Literal

from midiprism.sources.path_map import NO_PATH_MAP, PathMap

ADOPTION_HOOK_NAME = "adoption"
"""Name under which a catalog remembers that it belongs to an adopted library."""

ExistingLinksPolicy = Literal["leave", "complete", "replace"]
"""Treatment of songs that have rows in ``track_splits``.

They are not opened (``leave``), missing rows are added (``complete``), or rows that lead to other tracks are
removed too (``replace``).
"""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Options of adopting a library.

    Attributes:
        path_map: maps the library's recorded paths to local ones.
        existing: what happens to songs that their owner has split.
    """

    path_map: PathMap = NO_PATH_MAP
    existing: ExistingLinksPolicy = "leave"
