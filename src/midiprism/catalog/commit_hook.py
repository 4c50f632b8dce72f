"""The interface by which another part of midiprism takes part in the commits of a run.

Hooks are given when a catalog is opened for writing, and cross with it to worker processes that commit: they
can be pickled, and hold no connection.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from midiprism.catalog.catalog import Catalog
from midiprism.records.batches import BatchRecord
from midiprism.records.fields import SongRecord


@dataclass(frozen=True, slots=True)
class BatchTransaction:
    """The open transaction in which a batch is committed.

    Attributes:
        connection: on which the transaction is open.
        schema: name of the schema that holds the catalog's tables; None in SQLite.
        run_id: of the run that commits.
    """

    connection: Connection
    schema: str | None
    run_id: int


@dataclass(frozen=True, slots=True)
class HookResult:
    """The effect of a hook on a batch.

    Attributes:
        batch: to be committed instead, the same but for songs that the hook changed.
        refused_songs: songs that the hook made fail; without their links.
        values_nulled: values that the hook's columns could not hold.
    """

    batch: BatchRecord
    refused_songs: Sequence[SongRecord] = ()
    values_nulled: int = 0


class CommitHook(Protocol):
    """Adds rows of its own in the transaction of each batch."""

    @property
    def name(self) -> str:
        """Name under which the catalog remembers that its commits go through this hook; without spaces."""

    @property
    def needs_files(self) -> bool:
        """Return True if the hook's rows name the files of tracks, so that each track must be a file."""

    def before_batch(self, transaction: BatchTransaction, batch: BatchRecord) -> HookResult:
        """Add rows for a batch, before the catalog records it in the same transaction.

        It is not called for a batch whose lease was lost, or that was committed before.

        Raises:
            CatalogError: nothing of the batch is recorded, by the hook or the catalog.
        """

    def before_removal(
        self, transaction: BatchTransaction, song_digests: Sequence[bytes], track_digests: Sequence[bytes]
    ) -> Collection[bytes]:
        """Remove the rows that the hook has added for songs, and for tracks that no other song has.

        Returns:
            Digests of tracks that have to stay, since other rows refer to them. Then nothing of this call
            holds, and the removal is repeated without the songs of these tracks.

        Raises:
            CatalogError: nothing is removed.
        """

    def after_run(self, catalog: Catalog, run_id: int) -> int:
        """Bring up to date what depends on all commits of a run. No transaction is open.

        Returns:
            Number of rows of other programs that the run has taken out.
        """


def run_hooks(hooks: Sequence[CommitHook], transaction: BatchTransaction, batch: BatchRecord) -> HookResult:
    """Let hooks add their rows for a batch, one after the other, and return what all of them did."""
    refused_songs: list[SongRecord] = []
    values_nulled = 0
    for hook in hooks:
        result = hook.before_batch(transaction, batch)
        batch = result.batch
        refused_songs.extend(result.refused_songs)
        values_nulled += result.values_nulled
    return HookResult(batch, refused_songs, values_nulled)
