"""The commit hook that fills the tables of an adopted library."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from midiprism.adopt.db.delete_rows import delete_added_rows
from midiprism.adopt.db.foreign_tables import ForeignTables
from midiprism.adopt.db.foreign_writer import ForeignWriter
from midiprism.adopt.db.restore import count_replaced_rows, delete_replaced_files
from midiprism.adopt.options import ADOPTION_HOOK_NAME, ExistingLinksPolicy
from midiprism.catalog.catalog import Catalog
from midiprism.catalog.commit_hook import BatchTransaction, HookResult
from midiprism.fs.path_text import path_bytes, path_text
from midiprism.records.batches import BatchRecord
from midiprism.records.track_record import TrackRecord
from midiprism.sources.path_map import PathMap
from midiprism.stores import track_path


@dataclass(frozen=True, slots=True)
class RecordedTrackPaths:
    """Returns the path of a track's file as the library records paths.

    Attributes:
        out: absolute path of the folder of the result.
        path_map: maps recorded paths to local ones.
    """

    out: str
    path_map: PathMap

    def __call__(self, track: TrackRecord) -> str:
        parts = track_path(track.family, track.stem, track.digest, track.digest_digits).split("/")
        path = os.path.join(os.fsencode(self.out), *map(path_bytes, parts))
        return path_text(self.path_map.to_recorded(path))


@dataclass(frozen=True, slots=True)
class AdoptionHook:
    """Adds rows to ``files`` and ``track_splits`` in the transaction of each batch.

    Attributes:
        tables: the library's tables.
        track_paths: returns the path of a track's file as the library records it.
        existing: what happens to songs that have rows already.
    """

    tables: ForeignTables
    track_paths: RecordedTrackPaths
    existing: ExistingLinksPolicy = "leave"

    @property
    def name(self) -> str:
        return ADOPTION_HOOK_NAME

    @property
    def needs_files(self) -> bool:
        return True

    def before_batch(self, transaction: BatchTransaction, batch: BatchRecord) -> HookResult:
        """Add the rows that the library lacks. Songs that its tables refuse fail in the returned batch."""
        replace_links = self.existing == "replace"
        writer = ForeignWriter(transaction, self.tables, self.track_paths, replace_links=replace_links)
        return writer.write(batch)

    def before_removal(
        self, transaction: BatchTransaction, song_digests: Sequence[bytes], track_digests: Sequence[bytes]
    ) -> Collection[bytes]:
        """Delete the rows that runs added for these songs and tracks; rows of the owner's stay."""
        return delete_added_rows(transaction, self.tables, song_digests, track_digests)

    def after_run(self, catalog: Catalog, run_id: int) -> int:
        """Delete the rows of ``files`` to which only replaced links led; return how many the run replaced."""
        if self.existing != "replace":
            return 0
        delete_replaced_files(catalog, self.tables, run_id)
        return count_replaced_rows(catalog, run_id)
