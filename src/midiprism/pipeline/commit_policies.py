"""How batches come into the catalogue: first their tracks are made durable, then one transaction tells of
them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from midiprism.catalog import BatchRecord, Catalog, CommitResult
from midiprism.catalog.sqlite.catalog import PreparedCommit, SqliteCatalog
from midiprism.pipeline.planner import RunCatalog
from midiprism.stores import TrackStore
from midiprism.stores.shard_sink import ShardSink


class CommitPolicy(Protocol):
    """Commits batches, each group of them in two steps."""

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        """What must be done before they are committed, and may be done in a thread; None for nothing."""

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        """Commit them once that is done.

        Raises:
            MidiprismError: nothing of them was recorded.
        """


class StagedCommitPolicy:
    """For a store that has written the tracks before the commit."""

    def __init__(self, run_catalog: RunCatalog, store: TrackStore, run_id: int) -> None:
        self._run_catalog = run_catalog
        self._store = store
        self._run_id = run_id

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        return self._store.flush if any(record.has_files for record in records) else None

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        return self._run_catalog.commit(self._run_id, records, utc_now())


class SinkCommitPolicy:
    """For a store that writes the new tracks of a commit in its transaction."""

    def __init__(self, catalog: Catalog, store: TrackStore, run_id: int) -> None:
        self._catalog = catalog
        self._store = store
        self._run_id = run_id

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:  # noqa: ARG002
        return None

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        sink = self._store.commit_sink(self._run_id, records)
        return self._catalog.commit(self._run_id, records, utc_now(), sink)


class PreparedSinkCommitPolicy:
    """The same for a catalog that nobody else writes.

    Which tracks are new is known before the transaction begins, so that they are written beside other work.
    """

    def __init__(self, catalog: SqliteCatalog, store: TrackStore, run_id: int) -> None:
        self._catalog = catalog
        self._store = store
        self._run_id = run_id
        self._prepared: tuple[PreparedCommit, ShardSink | None] | None = None

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        if not records:
            return None
        prepared = self._catalog.prepare_commit(self._run_id, records)
        sink = self._store.commit_sink(self._run_id, records)
        self._prepared = prepared, sink
        if sink is None:
            return None
        return partial(sink.write_ahead, prepared.new_tracks, prepared.linked_songs)

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        if not records:
            return []
        assert self._prepared is not None, "they were prepared"
        prepared, sink = self._prepared
        self._prepared = None
        return self._catalog.commit_prepared(prepared, utc_now(), sink)


def choose_commit_policy(
    run_catalog: RunCatalog, catalog: Catalog | None, store: TrackStore, run_id: int
) -> CommitPolicy:
    """Return how the batches of a run are committed."""
    if catalog is None or not store.capabilities.writes_in_commit:
        return StagedCommitPolicy(run_catalog, store, run_id)
    if isinstance(catalog, SqliteCatalog):
        return PreparedSinkCommitPolicy(catalog, store, run_id)
    return SinkCommitPolicy(catalog, store, run_id)


def utc_now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
