"""The catalog: which songs were split, and which track came from which song.

The names below are loaded on first use: workers need records and no database.
"""

from typing import TYPE_CHECKING

from midiprism.lazy_names import load_on_first_use

if TYPE_CHECKING:
    from midiprism.catalog.address import DEFAULT_SCHEMA as DEFAULT_SCHEMA
    from midiprism.catalog.address import Address as Address
    from midiprism.catalog.address import PostgresAddress as PostgresAddress
    from midiprism.catalog.address import has_password as has_password
    from midiprism.catalog.catalog import Catalog as Catalog
    from midiprism.catalog.commit_result import CommitResult as CommitResult
    from midiprism.catalog.commit_result import utc_now as utc_now
    from midiprism.catalog.leasing import LEASE_SECONDS as LEASE_SECONDS
    from midiprism.catalog.leasing import BatchLeases as BatchLeases
    from midiprism.catalog.null import NullCatalog as NullCatalog
    from midiprism.catalog.open import catalog_exists as catalog_exists
    from midiprism.catalog.open import open_catalog as open_catalog
    from midiprism.catalog.open import open_read_only as open_read_only
    from midiprism.catalog.open import open_worker_catalog as open_worker_catalog
    from midiprism.catalog.open import require_driver as require_driver
    from midiprism.catalog.open import upgrade_catalog as upgrade_catalog
    from midiprism.catalog.queries.find_tracks import find_tracks as find_tracks
    from midiprism.catalog.queries.integrity import BrokenSong as BrokenSong
    from midiprism.catalog.queries.integrity import IntegrityQueries as IntegrityQueries
    from midiprism.catalog.queries.integrity import SongPath as SongPath
    from midiprism.catalog.queries.integrity import TrackFile as TrackFile
    from midiprism.catalog.queries.integrity import VerifyScope as VerifyScope
    from midiprism.catalog.sqlite.dry_run import DryRunCatalog as DryRunCatalog
    from midiprism.catalog.sqlite.exported_files import ExportedFile as ExportedFile
    from midiprism.catalog.sqlite.exported_files import ExportedFiles as ExportedFiles
    from midiprism.catalog.sqlite.repair_queue import RepairQueue as RepairQueue
    from midiprism.catalog.sqlite.unique_names import UniqueNames as UniqueNames
    from midiprism.catalog.sqlite.waiting_paths import WaitingPath as WaitingPath
    from midiprism.catalog.sqlite.waiting_paths import WaitingPaths as WaitingPaths
    from midiprism.catalog.track_row import TrackRow as TrackRow
    from midiprism.catalog.types import KnownPaths as KnownPaths
    from midiprism.catalog.types import KnownSong as KnownSong
    from midiprism.catalog.types import TrackPathFields as TrackPathFields
    from midiprism.catalog.types import UpToDate as UpToDate
    from midiprism.catalog.version import CURRENT_VERSION as CURRENT_VERSION
    from midiprism.records.batches import NO_PACKED_TRACKS as NO_PACKED_TRACKS
    from midiprism.records.batches import BatchRecord as BatchRecord
    from midiprism.records.batches import Lease as Lease
    from midiprism.records.batches import PackedTracks as PackedTracks
    from midiprism.records.fields import LinkRecord as LinkRecord
    from midiprism.records.fields import ProblemRecord as ProblemRecord
    from midiprism.records.fields import SongRecord as SongRecord
    from midiprism.records.outcomes import OUTCOMES as OUTCOMES
    from midiprism.records.track_record import TrackRecord as TrackRecord

_MODULES = {
    "Address": "midiprism.catalog.address",
    "BatchLeases": "midiprism.catalog.leasing",
    "BatchRecord": "midiprism.records.batches",
    "BrokenSong": "midiprism.catalog.queries.integrity",
    "CURRENT_VERSION": "midiprism.catalog.version",
    "Catalog": "midiprism.catalog.catalog",
    "CommitResult": "midiprism.catalog.commit_result",
    "DEFAULT_SCHEMA": "midiprism.catalog.address",
    "DryRunCatalog": "midiprism.catalog.sqlite.dry_run",
    "IntegrityQueries": "midiprism.catalog.queries.integrity",
    "KnownPaths": "midiprism.catalog.types",
    "KnownSong": "midiprism.catalog.types",
    "LEASE_SECONDS": "midiprism.catalog.leasing",
    "Lease": "midiprism.records.batches",
    "LinkRecord": "midiprism.records.fields",
    "NO_PACKED_TRACKS": "midiprism.records.batches",
    "NullCatalog": "midiprism.catalog.null",
    "OUTCOMES": "midiprism.records.outcomes",
    "PackedTracks": "midiprism.records.batches",
    "PostgresAddress": "midiprism.catalog.address",
    "ProblemRecord": "midiprism.records.fields",
    "RepairQueue": "midiprism.catalog.sqlite.repair_queue",
    "SongPath": "midiprism.catalog.queries.integrity",
    "SongRecord": "midiprism.records.fields",
    "TrackFile": "midiprism.catalog.queries.integrity",
    "TrackPathFields": "midiprism.catalog.types",
    "TrackRecord": "midiprism.records.track_record",
    "TrackRow": "midiprism.catalog.track_row",
    "ExportedFile": "midiprism.catalog.sqlite.exported_files",
    "ExportedFiles": "midiprism.catalog.sqlite.exported_files",
    "UniqueNames": "midiprism.catalog.sqlite.unique_names",
    "UpToDate": "midiprism.catalog.types",
    "VerifyScope": "midiprism.catalog.queries.integrity",
    "WaitingPath": "midiprism.catalog.sqlite.waiting_paths",
    "WaitingPaths": "midiprism.catalog.sqlite.waiting_paths",
    "catalog_exists": "midiprism.catalog.open",
    "find_tracks": "midiprism.catalog.queries.find_tracks",
    "has_password": "midiprism.catalog.address",
    "open_catalog": "midiprism.catalog.open",
    "require_driver": "midiprism.catalog.open",
    "open_read_only": "midiprism.catalog.open",
    "open_worker_catalog": "midiprism.catalog.open",
    "upgrade_catalog": "midiprism.catalog.open",
    "utc_now": "midiprism.catalog.commit_result",
}

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
    "ExportedFile",
    "ExportedFiles",
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
    "SongPath",
    "SongRecord",
    "TrackFile",
    "TrackPathFields",
    "TrackRecord",
    "TrackRow",
    "UniqueNames",
    "UpToDate",
    "VerifyScope",
    "WaitingPath",
    "WaitingPaths",
    "catalog_exists",
    "find_tracks",
    "has_password",
    "open_catalog",
    "open_read_only",
    "open_worker_catalog",
    "require_driver",
    "upgrade_catalog",
    "utc_now",
]

__getattr__ = load_on_first_use(globals(), _MODULES)
