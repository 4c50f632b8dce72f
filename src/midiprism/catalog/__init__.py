"""The catalog: which songs were split, and which track came from which song."""

from midiprism.catalog.address import DEFAULT_SCHEMA, Address, PostgresAddress, has_password
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.commit_result import CommitResult, utc_now
from midiprism.catalog.leasing import LEASE_SECONDS, BatchLeases
from midiprism.catalog.migrate import CURRENT_VERSION
from midiprism.catalog.null import NullCatalog
from midiprism.catalog.open import (
    catalog_exists,
    open_catalog,
    open_read_only,
    open_worker_catalog,
    upgrade_catalog,
)
from midiprism.catalog.queries.find_tracks import Selection, TrackRow, find_tracks
from midiprism.catalog.queries.integrity import BrokenSong, IntegrityQueries, SongPath, TrackFile, VerifyScope
from midiprism.catalog.sqlite.dry_run import DryRunCatalog
from midiprism.catalog.sqlite.repair_queue import RepairQueue
from midiprism.catalog.sqlite.unique_names import UniqueNames
from midiprism.catalog.types import KnownPaths, KnownSong, TrackPathFields, UpToDate
from midiprism.records.batches import NO_PACKED_TRACKS, BatchRecord, Lease, PackedTracks
from midiprism.records.fields import LinkRecord, ProblemRecord, SongRecord, TrackRecord
from midiprism.records.outcomes import OUTCOMES

__all__ = [
    "CURRENT_VERSION",
    "DEFAULT_SCHEMA",
    "LEASE_SECONDS",
    "NO_PACKED_TRACKS",
    "OUTCOMES",
    "Address",
    "BatchLeases",
    "BatchRecord",
    "BrokenSong",
    "Catalog",
    "CommitResult",
    "DryRunCatalog",
    "IntegrityQueries",
    "KnownPaths",
    "KnownSong",
    "Lease",
    "LinkRecord",
    "NullCatalog",
    "PackedTracks",
    "PostgresAddress",
    "ProblemRecord",
    "RepairQueue",
    "Selection",
    "SongPath",
    "SongRecord",
    "TrackFile",
    "TrackPathFields",
    "TrackRecord",
    "TrackRow",
    "UniqueNames",
    "UpToDate",
    "VerifyScope",
    "catalog_exists",
    "find_tracks",
    "has_password",
    "open_catalog",
    "open_read_only",
    "open_worker_catalog",
    "upgrade_catalog",
    "utc_now",
]
