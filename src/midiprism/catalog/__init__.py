"""What is known: which parents were split, and which track came from where. The only room that speaks SQL."""

from midiprism.catalog.address import SCHEMA, Address, PostgresAddress, has_password
from midiprism.catalog.audit import Audit, BrokenParent, PathRow, Scope, TrackFile
from midiprism.catalog.catalog import (
    Catalog,
    Committed,
    KnownParent,
    KnownPaths,
    Settled,
    TrackPlace,
)
from midiprism.catalog.claims import Claims
from midiprism.catalog.keeper import Keeper, Kept, NewTrack, Place, Shard
from midiprism.catalog.mending import Mending
from midiprism.catalog.migrate import HEAD
from midiprism.catalog.null import NullCatalog
from midiprism.catalog.opening import (
    holds_catalog,
    open_catalog,
    read_catalog,
    upgrade_catalog,
    worker_catalog,
)
from midiprism.catalog.records import (
    NO_CONTENTS,
    OUTCOMES,
    BatchRecord,
    Contents,
    ContentValues,
    Lease,
    LinkRecord,
    LinkValues,
    ParentRecord,
    ProblemRecord,
    StatedValues,
    TrackRecord,
    TrackValues,
)
from midiprism.catalog.rehearsal import Rehearsal
from midiprism.catalog.search import Selection, TrackRow, find

__all__ = [
    "HEAD",
    "NO_CONTENTS",
    "OUTCOMES",
    "SCHEMA",
    "Address",
    "Audit",
    "BatchRecord",
    "BrokenParent",
    "Catalog",
    "Claims",
    "Committed",
    "ContentValues",
    "Contents",
    "Keeper",
    "Kept",
    "KnownParent",
    "KnownPaths",
    "Lease",
    "LinkRecord",
    "LinkValues",
    "Mending",
    "NewTrack",
    "NullCatalog",
    "ParentRecord",
    "PathRow",
    "Place",
    "PostgresAddress",
    "ProblemRecord",
    "Rehearsal",
    "Scope",
    "Selection",
    "Settled",
    "Shard",
    "StatedValues",
    "TrackFile",
    "TrackPlace",
    "TrackRecord",
    "TrackRow",
    "TrackValues",
    "find",
    "has_password",
    "holds_catalog",
    "open_catalog",
    "read_catalog",
    "upgrade_catalog",
    "worker_catalog",
]
