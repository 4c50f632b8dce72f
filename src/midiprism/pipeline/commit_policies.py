"""How batches come into the catalogue: first their tracks are made durable, then one transaction tells of
them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from midiprism.catalog import BatchRecord, Catalog, CommitResult
from midiprism.catalog.sqlite.catalog import PreparedCommit, SqliteCatalog
from midiprism.pipeline.planner import RunCatalog
from midiprism.pipeline.shard_writer import ShardWriter
from midiprism.stores import ShardedTracks, TrackStore


class CommitPolicy(Protocol):
    """Commits batches, each group of them in two steps."""

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        """What must be done before they are committed, and may be done in a thread; None for nothing."""

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        """Commit them once that is done.

        Raises:
            MidiprismError: nothing of them was recorded.
        """


class FileCommitPolicy:
    """Of a store in which each track is a file, which was put."""

    def __init__(self, run_catalog: RunCatalog, store: TrackStore, run_id: int) -> None:
        self._run_catalog = run_catalog
        self._store = store
        self._run_id = run_id

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        return self._store.flush if any(record.has_files for record in records) else None

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        return self._run_catalog.commit(self._run_id, records, utc_now())


class ShardCommitPolicy:
    """Of a store in which tracks lie in shards: all that a transaction has won goes into new ones."""

    def __init__(self, catalog: Catalog, shards: ShardedTracks, run_id: int) -> None:
        self._catalog = catalog
        self._shards = shards
        self._run_id = run_id

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:  # noqa: ARG002
        return None

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        keeper = ShardWriter(self._shards, self._run_id, records)
        return self._catalog.commit(self._run_id, records, utc_now(), keeper)


class PreparedShardCommitPolicy:
    """The same where nobody else writes the catalogue: what will be won is known before the transaction
    begins, so that shards are encoded and flushed beside other work."""

    def __init__(self, catalog: SqliteCatalog, shards: ShardedTracks, run_id: int) -> None:
        self._catalog = catalog
        self._shards = shards
        self._run_id = run_id
        self._prepared: tuple[PreparedCommit, ShardWriter] | None = None

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        if not records:
            return None
        prepared = self._catalog.prepare_commit(self._run_id, records)
        keeping = ShardWriter(self._shards, self._run_id, records)
        self._prepared = prepared, keeping
        return lambda: keeping.write_ahead(prepared.new_tracks, prepared.linked_songs)

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        if not records:
            return []
        assert self._prepared is not None, "they were made durable"
        prepared, keeping = self._prepared
        self._prepared = None
        return self._catalog.commit_prepared(prepared, utc_now(), keeping)


def choose_commit_policy(
    run_catalog: RunCatalog,
    catalog: Catalog | None,
    store: TrackStore,
    run_id: int,
) -> CommitPolicy:
    """How the batches of a run are committed."""
    shards = store.shards
    if shards is None or catalog is None:
        return FileCommitPolicy(run_catalog, store, run_id)
    if isinstance(catalog, SqliteCatalog):
        return PreparedShardCommitPolicy(catalog, shards, run_id)
    return ShardCommitPolicy(catalog, shards, run_id)


def utc_now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
