"""A catalogue that keeps nothing: to measure everything else."""

from collections.abc import Sequence

from midiprism.catalog.catalog import CommitResult, KnownPaths, UpToDate
from midiprism.catalog.records import BatchRecord


class NullCatalog:
    """Knows nothing and learns nothing; counts what it is told."""

    def known_paths(self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None) -> KnownPaths:  # noqa: ARG002
        return {}

    def oldest_contract_version(self) -> int | None:
        return None

    def commit(self, run_id: int, batches: Sequence[BatchRecord], now: str) -> list[CommitResult]:  # noqa: ARG002
        return [_count_commit(batch) for batch in batches]


def _count_commit(batch: BatchRecord) -> CommitResult:
    committed = CommitResult(tracks_new=batch.files_written)
    for record in batch.songs:
        if record.outcome is None:
            committed.paths_of_known_songs += 1
        else:
            committed.outcomes[record.outcome] += 1
            committed.links += len(record.links)
    return committed
