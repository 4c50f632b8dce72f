"""How batches come into the catalogue: first their tracks are made durable, then one transaction tells of
them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from midiprism.catalog import BatchRecord, Catalog, Committed
from midiprism.catalog.sqlite import Prepared, SqliteCatalog
from midiprism.run.keeping import Keeping
from midiprism.run.plan import Memory
from midiprism.store import Store
from midiprism.store.parquet import ParquetStore


class Committing(Protocol):
    """Commits batches, each group of them in two steps."""

    def durable(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        """What must be done before they are committed, and may be done in a thread; None for nothing."""

    def commit(self, records: Sequence[BatchRecord]) -> list[Committed]:
        """Commit them once that is done.

        Raises:
            MidiprismError: nothing of them was recorded.
        """


class FileCommits:
    """Of a store in which each track is a file, which was put."""

    def __init__(self, memory: Memory, store: Store, run_id: int) -> None:
        self._memory = memory
        self._store = store
        self._run_id = run_id

    def durable(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        return self._store.flush if any(record.files_present for record in records) else None

    def commit(self, records: Sequence[BatchRecord]) -> list[Committed]:
        return self._memory.commit(self._run_id, records, now())


class ShardCommits:
    """Of a store in which tracks lie in shards: all that a transaction has won goes into new ones."""

    def __init__(self, catalog: Catalog, shards: ParquetStore, run_id: int) -> None:
        self._catalog = catalog
        self._shards = shards
        self._run_id = run_id

    def durable(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:  # noqa: ARG002
        return None

    def commit(self, records: Sequence[BatchRecord]) -> list[Committed]:
        keeper = Keeping(self._shards, self._run_id, records)
        return self._catalog.commit(self._run_id, records, now(), keeper)


class PreparedShardCommits:
    """The same where nobody else writes the catalogue: what will be won is known before the transaction
    begins, so that shards are encoded and flushed beside other work."""

    def __init__(self, catalog: SqliteCatalog, shards: ParquetStore, run_id: int) -> None:
        self._catalog = catalog
        self._shards = shards
        self._run_id = run_id
        self._prepared: tuple[Prepared, Keeping] | None = None

    def durable(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        if not records:
            return None
        prepared = self._catalog.prepare(self._run_id, records)
        keeping = Keeping(self._shards, self._run_id, records)
        self._prepared = prepared, keeping
        return lambda: keeping.write(prepared.tracks, prepared.linked)

    def commit(self, records: Sequence[BatchRecord]) -> list[Committed]:
        if not records:
            return []
        assert self._prepared is not None, "they were made durable"
        prepared, keeping = self._prepared
        self._prepared = None
        return self._catalog.record(prepared, now(), keeping)


def committing(
    memory: Memory, catalog: Catalog | None, store: Store, shards: ParquetStore | None, run_id: int
) -> Committing:
    """How the batches of a run are committed."""
    if shards is None or catalog is None:
        return FileCommits(memory, store, run_id)
    if isinstance(catalog, SqliteCatalog):
        return PreparedShardCommits(catalog, shards, run_id)
    return ShardCommits(catalog, shards, run_id)


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
