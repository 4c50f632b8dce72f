"""The steps of a repair that depend on how a store keeps its tracks."""

from collections.abc import Sequence
from typing import Protocol

from midiprism.catalog import TrackFile
from midiprism.smf.types import SplitTrack


class StoreRepair(Protocol):
    """Repairs one result; ``TrackRepair`` and ``ShardRepair`` implement it.

    Attributes:
        lost_kind: kind of damage of a track that cannot be restored.
    """

    lost_kind: str

    def restore(self, track: TrackFile, split: SplitTrack) -> None:
        """Write a damaged track again; ``flush`` makes it durable."""

    def flush(self) -> None:
        """Return when what was restored would survive a power cut, and is where the catalog states."""

    def rewrite_damaged(self) -> None:
        """Rewrite what could be restored only in part."""

    def still_damaged(self, tracks: Sequence[TrackFile]) -> Sequence[TrackFile]:
        """Return those of the tracks that are still damaged."""

    def delete_unlinked(self) -> int:
        """Delete tracks that no song links to, and return how many."""

    def update_derived(self) -> None:
        """Rewrite what derives from the catalog and is out of date."""
