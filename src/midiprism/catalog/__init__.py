"""What is known: which parents were split, and which track came from where. The only room that speaks SQL."""

from midiprism.catalog.catalog import Catalog, Committed, KnownParent, KnownPaths, Settled, TrackPlace
from midiprism.catalog.claims import Claims
from midiprism.catalog.database import SCHEMA_VERSION
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
    "BatchRecord",
    "Catalog",
    "Claims",
    "Committed",
    "KnownParent",
    "KnownPaths",
    "LinkRecord",
    "LinkValues",
    "ParentRecord",
    "ProblemRecord",
    "Rehearsal",
    "Selection",
    "Settled",
    "TrackPlace",
    "TrackRecord",
    "TrackRow",
    "TrackValues",
    "find",
]
