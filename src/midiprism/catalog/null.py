"""A catalogue that keeps nothing: to measure everything else."""

from collections.abc import Sequence

from midiprism.catalog.catalog import Committed, KnownPaths, Settled
from midiprism.catalog.records import BatchRecord


class NullCatalog:
    """Knows nothing and learns nothing; counts what it is told."""

    def known_paths(self, first: bytes, limit: int, settled: Settled | None = None) -> KnownPaths:  # noqa: ARG002
        return {}

    def oldest_contract(self) -> int | None:
        return None

    def commit(self, run_id: int, batches: Sequence[BatchRecord], now: str) -> list[Committed]:  # noqa: ARG002
        return [_counted(batch) for batch in batches]


def _counted(batch: BatchRecord) -> Committed:
    committed = Committed(tracks_new=batch.files_written)
    for record in batch.parents:
        if record.outcome is None:
            committed.paths += 1
        else:
            committed.outcomes[record.outcome] += 1
            committed.links += len(record.links)
    return committed
