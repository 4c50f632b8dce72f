"""Commit policies: how a catalog makes batches durable and records them.

Every policy keeps one order: first the tracks of batches are made durable, then one transaction records the
batches. So no row names a track that is not stored.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from midiprism.catalog.commit_result import CommitResult
from midiprism.records.batches import BatchRecord
from midiprism.stores.shard_sink import ShardSink


class CommitPolicy(Protocol):
    """Commits groups of batches in two steps."""

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        """Return the work to do before these batches are committed; None for nothing.

        It may be done in a thread.
        """

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        """Commit the batches once that is done.

        Raises:
            MidiprismError: nothing of them was recorded.
        """


@dataclass(frozen=True, slots=True)
class StagedTracks:
    """Operations that store the tracks of batches that workers have staged.

    Attributes:
        flush: makes durable what workers have written.
        make_sink: makes the sink of a commit that writes the batches' tracks itself; None where workers have
            written them.
    """

    flush: Callable[[], None]
    make_sink: Callable[[Sequence[BatchRecord]], ShardSink | None] | None = None

    def sink_of(self, records: Sequence[BatchRecord]) -> ShardSink | None:
        """Return the sink of a commit of these batches."""
        return None if self.make_sink is None else self.make_sink(records)


CommitFunction = Callable[[Sequence[BatchRecord], ShardSink | None], list[CommitResult]]


class FlushThenCommit:
    """Makes files durable, then commits; where a sink writes the tracks, the commit does both.

    Args:
        commit: commits batches, with the sink if there is one.
        tracks: of the batches.
    """

    def __init__(self, commit: CommitFunction, tracks: StagedTracks) -> None:
        self._commit = commit
        self._tracks = tracks

    def prepare(self, records: Sequence[BatchRecord]) -> Callable[[], None] | None:
        if self._tracks.make_sink is not None:
            return None
        return self._tracks.flush if any(record.has_files for record in records) else None

    def commit(self, records: Sequence[BatchRecord]) -> list[CommitResult]:
        return self._commit(records, self._tracks.sink_of(records))


def removing_on_error(shard_sink: ShardSink | None) -> AbstractContextManager[None]:
    """Return the context of a transaction that writes with this sink; see ``ShardSink.remove_on_error``."""
    return shard_sink.remove_on_error() if shard_sink else nullcontext()


def utc_now() -> str:
    """Return the present time: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
