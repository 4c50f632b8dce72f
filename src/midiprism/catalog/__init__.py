"""What is known: which parents were split, and which track came from where. The only room that speaks SQL."""

from midiprism.catalog.audit import Audit, BrokenParent, PathRow, Scope, TrackFile
from midiprism.catalog.catalog import Catalog, Committed, KnownParent, KnownPaths, Settled, TrackPlace
from midiprism.catalog.claims import Claims
from midiprism.catalog.database import SCHEMA_VERSION
from midiprism.catalog.mending import Mending
from midiprism.catalog.null import NullCatalog
from midiprism.catalog.records import (
    OUTCOMES,
    BatchRecord,
    LinkRecord,
    LinkValues,
    ParentRecord,
    ProblemRecord,
    TrackRecord,
    TrackValues,
)
from midiprism.catalog.rehearsal import Rehearsal
from midiprism.catalog.search import Selection, TrackRow, find

__all__ = [
    "OUTCOMES",
    "SCHEMA_VERSION",
    "Audit",
    "BatchRecord",
    "BrokenParent",
    "Catalog",
    "Claims",
    "Committed",
    "KnownParent",
    "KnownPaths",
    "LinkRecord",
    "LinkValues",
    "Mending",
    "NullCatalog",
    "ParentRecord",
    "PathRow",
    "ProblemRecord",
    "Rehearsal",
    "Scope",
    "Selection",
    "Settled",
    "TrackFile",
    "TrackPlace",
    "TrackRecord",
    "TrackRow",
    "TrackValues",
    "find",
]
