"""A catalog that records nothing, to measure everything else."""

from collections.abc import Callable, Sequence

from midiprism.catalog.commit_result import CommitResult
from midiprism.catalog.types import KnownPaths, UpToDate
from midiprism.records.batches import LINK_COUNT, BatchRecord
from midiprism.stores.shard_sink import ShardSink


class NullCatalog:
    """Knows no song, and only counts what is committed."""

    def known_paths(self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None) -> KnownPaths:  # noqa: ARG002
        return {}

    def oldest_contract_version(self) -> int | None:
        return None

    def commit(
        self,
        run_id: int,  # noqa: ARG002
        batches: Sequence[BatchRecord],
        now: str,  # noqa: ARG002
        shard_sink: ShardSink | None = None,  # noqa: ARG002
    ) -> list[CommitResult]:
        return [_count_commit(batch) for batch in batches]

    def prepare_commit(
        self,
        run_id: int,  # noqa: ARG002
        batches: Sequence[BatchRecord],  # noqa: ARG002
        shard_sink: ShardSink,  # noqa: ARG002
    ) -> Callable[[], None] | None:
        return None


def _count_commit(batch: BatchRecord) -> CommitResult:
    result = CommitResult(tracks_new=batch.files_written)
    for outcome, lost_bytes, link_count in batch.songs.rows(("outcome", "lost_bytes", LINK_COUNT)):
        if outcome is None:
            result.paths_of_known_songs += 1
        else:
            result.count_song(outcome, lost_bytes)
            result.links += link_count
    return result
